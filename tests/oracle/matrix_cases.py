"""Cases of reductions over any axes and of products of matrices, int8 and int16."""

import math

import numpy as np

from formulas import clamp, divide, mbqm, quantize_multiplier, wrap
from formulas_int16 import mbqm_long
from layer_cases import activation_tensor, f32, f64, scale_of, seeded, two_vectors
from tflite_build import Model, Tensor

FINER = 256
IMAGE = (2, 5, 4, 7)
AXES = ([0], [1], [2], [3], [1, 2], [2, 3], [0, 2], [1, 3], [0, 3], [0, 1, 3], [-1], [-4, 2], [0, 1, 2, 3])


def int16s(rng, shape):
    """Uniform int16 values."""
    return rng.integers(-(2**15), 2**15, shape, np.int16)


def vectors_of(rng, tensors):
    """One random vector and one of edges for each input."""
    if np.dtype(tensors[0].dtype) == np.int8:
        return two_vectors(rng, tensors)
    edges = np.array([-(2**15), 2**15 - 1, 0, 1, -1], np.int16)
    return [[int16s(rng, t.shape) for t in tensors], [rng.choice(edges, t.shape) for t in tensors]]


def like(dtype, tensor):
    """The activation with the type; int16 has finer scales and no zero point."""
    return tensor if dtype == np.int8 else Tensor(tensor.shape, np.int16, tensor.s / f32(FINER), 0)


def reductions(operator, dtype):
    """MEAN, SUM, REDUCE_MAX or REDUCE_MIN."""
    rng = seeded(f"{operator}_{np.dtype(dtype)}_any_axes")
    selects = operator in ("REDUCE_MAX", "REDUCE_MIN")
    for axes in AXES:
        for keep in (True, False):
            if len(axes) == 4 and not keep:
                continue
            x = like(dtype, activation_tensor(rng, IMAGE))
            positive = {axis % 4 for axis in axes}
            kept = [1 if axis in positive else extent for axis, extent in enumerate(IMAGE) if keep or axis not in positive]
            count = math.prod(IMAGE[axis] for axis in positive) if operator == "SUM" else 1
            y = like(dtype, activation_tensor(rng, kept, f32(scale_of(rng, 0.3, 1.5))))
            y.scale = np.atleast_1d(f32(x.s * y.s * math.sqrt(count) * (1 if dtype == np.int8 else FINER)))
            if selects:
                y.scale, y.zero_point = x.scale, x.zero_point
            name = "_".join(map(str, axes)).replace("-", "m")
            model = Model(operator, [x, Tensor(data=np.array(axes, np.int32))], y, {"keepDims": keep})
            yield f"axes_{name}_{'keep' if keep else 'drop'}", model, vectors_of(rng, [x])


PRODUCTS = [
    ((3, 5), (5, 7)),
    ((1, 1), (1, 1)),
    ((2, 3, 5), (2, 5, 7)),
    ((2, 3, 5), (5, 17)),
    ((1, 3, 5), (4, 5, 7)),
    ((4, 3, 5), (1, 5, 7)),
    ((2, 4, 3, 9), (2, 4, 9, 3)),
    ((2, 1, 3, 5), (1, 4, 5, 7)),
    ((2, 4, 3, 5), (4, 5, 2)),
    ((1, 2, 3, 20), (1, 2, 20, 33)),
]


def products(dtype):
    """BATCH_MATMUL with either factor stored transposed."""
    rng = seeded(f"BATCH_MATMUL_{np.dtype(dtype)}")
    for index, (of_a, of_b) in enumerate(PRODUCTS):
        for adj_x, adj_y in ((False, False), (False, True), (True, False), (True, True)):
            stored = [(*shape[:-2], shape[-1], shape[-2]) if flag else shape for shape, flag in ((of_a, adj_x), (of_b, adj_y))]
            a, b = (like(dtype, activation_tensor(rng, shape)) for shape in stored)
            shape = (*np.broadcast_shapes(of_a[:-2], of_b[:-2]), of_a[-2], of_b[-1])
            reach = 90 * math.sqrt(of_a[-1]) * (1 if dtype == np.int8 else FINER) * math.exp(rng.uniform(-0.7, 0.7))
            y = activation_tensor(rng, shape, f32(a.s * b.s * reach))
            y = y if dtype == np.int8 else Tensor(shape, np.int16, y.s, 0)
            model = Model("BATCH_MATMUL", [a, b], y, {"adjX": adj_x, "adjY": adj_y})
            yield f"product_{index}_{int(adj_x)}{int(adj_y)}", model, vectors_of(rng, [a, b])


def reduce(model, data):
    """The formula of a reduction."""
    x, y = model.inputs[0], model.output
    axes = tuple({int(axis) % len(x.shape) for axis in np.atleast_1d(model.inputs[1].data)})
    if model.operator in ("REDUCE_MAX", "REDUCE_MIN"):
        pick = np.max if model.operator == "REDUCE_MAX" else np.min
        return pick(data[0], axis=axes).reshape(y.shape)
    count = math.prod(x.shape[axis] for axis in axes)
    m, s = quantize_multiplier(f64(x.s) / f64(y.s))
    if model.operator == "MEAN":
        k = min(count.bit_length() - 1, 32, 31 + s)
        m, s = divide(m << k, count), s - k
    ends = np.iinfo(y.dtype)
    sums = data[0].astype(np.int64).sum(axis=axes)
    values = [clamp(mbqm(wrap(int(v) - x.z * count), m, s) + y.z, ends.min, ends.max) for v in np.ravel(sums)]
    return np.array(values, y.dtype).reshape(y.shape)


def product(model, data):
    """The formula of a product of matrices."""
    a, b, y = model.inputs[0], model.inputs[1], model.output
    given = iter(data)
    xa, xb = ((t.data if t.data is not None else next(given)).astype(np.int64) - t.z for t in (a, b))
    xa = np.swapaxes(xa, -1, -2) if model.options.get("adjX") else xa
    xb = np.swapaxes(xb, -1, -2) if model.options.get("adjY") else xb
    m, s = quantize_multiplier(f64(a.s) * f64(b.s) / f64(y.s))
    rounded = mbqm_long if np.dtype(y.dtype) == np.int16 else mbqm
    ends = np.iinfo(y.dtype)
    values = [clamp(rounded(int(v), m, s) + y.z, ends.min, ends.max) for v in np.ravel(xa @ xb)]
    return np.array(values, y.dtype).reshape(y.shape)


def run(model, data):
    """The output of a model of this page."""
    return product(model, data) if model.operator == "BATCH_MATMUL" else reduce(model, data)


MATRIX = {
    "sum": lambda: reductions("SUM", np.int8),
    "sum_i16": lambda: reductions("SUM", np.int16),
    "reduce_min": lambda: reductions("REDUCE_MIN", np.int8),
    "reduce_max_any_axes": lambda: reductions("REDUCE_MAX", np.int8),
    "mean_any_axes": lambda: reductions("MEAN", np.int8),
    "mean_i16": lambda: reductions("MEAN", np.int16),
    "batch_matmul": lambda: products(np.int8),
    "batch_matmul_i16": lambda: products(np.int16),
}
