"""The single-operator models of `tests/golden/ops`: shapes, quantization parameters and the corners worth a case.

Each generator yields `(name, Model, vectors)`; a vector is a list of arrays, one for each input of the model. Random
choices come from a generator seeded with the operator's name, so a new operator changes no other file.
"""

import math

import numpy as np

import move_cases

import function_cases
from formulas import padding
from layer_cases import (
    ODD_CHANNELS,
    ZERO_POINTS,
    activation_tensor,
    all_bytes,
    convolutions,
    f32,
    f64,
    fully_connected,
    int8s,
    scale_of,
    seeded,
    two_vectors,
)
from tflite_build import NONE, RELU, RELU6, SAME, VALID, Model, Tensor
from transpose_cases import transpose_conv


def pool_case(rng, operator, activation, fixed=None):
    """One pooling with random window."""
    fixed = fixed or {}

    def pick(name, choices):
        return fixed[name] if name in fixed else int(rng.choice(choices))

    while True:
        height, width = pick("h", range(1, 8)), pick("w", range(1, 8))
        kernel, stride = (pick("kh", range(1, 5)), pick("kw", range(1, 5))), (pick("sh", [1, 2, 3]), pick("sw", [1, 2, 3]))
        kind = pick("padding", [SAME, VALID])
        oh, _ = padding(kind, height, kernel[0], stride[0])
        ow, _ = padding(kind, width, kernel[1], stride[1])
        if oh > 0 and ow > 0:
            break
    shape = (pick("n", [1, 1, 2]), height, width, pick("c", ODD_CHANNELS))
    x = activation_tensor(rng, shape, scale_of(rng, 0.01, 0.3))
    y = Tensor((shape[0], oh, ow, shape[3]), np.int8, x.s, x.z)
    options = {
        "padding": kind,
        "strideH": stride[0],
        "strideW": stride[1],
        "filterHeight": kernel[0],
        "filterWidth": kernel[1],
        "fusedActivationFunction": activation,
    }
    return Model(operator, [x], y, options), two_vectors(rng, [x])


POOL_CORNERS = {
    "global": {"h": 5, "w": 4, "kh": 5, "kw": 4, "sh": 5, "sw": 4, "padding": VALID, "n": 1},
    "global_same": {"h": 5, "w": 5, "kh": 5, "kw": 5, "sh": 1, "sw": 1, "padding": SAME, "n": 1, "c": 3},
    "two_by_two": {"h": 6, "w": 6, "kh": 2, "kw": 2, "sh": 2, "sw": 2, "padding": VALID},
    "two_by_two_same_odd": {"h": 7, "w": 5, "kh": 2, "kw": 2, "sh": 2, "sw": 2, "padding": SAME},
    "identity": {"h": 3, "w": 3, "kh": 1, "kw": 1, "sh": 1, "sw": 1},
    "stride_skips": {"h": 7, "w": 7, "kh": 2, "kw": 2, "sh": 3, "sw": 3, "padding": VALID},
    "row": {"h": 1, "w": 7, "kh": 1, "kw": 3, "sh": 1, "sw": 1, "padding": SAME},
}


def pools(operator):
    """AVERAGE_POOL_2D or MAX_POOL_2D."""
    rng = seeded(operator)
    for name, fixed in POOL_CORNERS.items():
        yield name, *pool_case(rng, operator, NONE, fixed)
    for index in range(21):
        activation = (NONE, RELU, RELU6)[index % 3]
        yield f"random_{index}", *pool_case(rng, operator, activation)


def tie_scales(quotient):
    """Scales whose quotient is `quotient` after rounding to f32, but less before."""
    for step in range(1, 200000):
        y = f32(0.01) + f32(step) * f32(1e-7)
        x = f32(f64(y) * quotient)
        if f32(x / y) == f32(quotient) and f64(x) / f64(y) < quotient:
            return x, y
    raise ValueError(quotient)


SHAPE_PAIRS = [
    ((1, 4, 3, 5), (1, 4, 3, 5)),
    ((7,), (7,)),
    ((2, 9), (2, 9)),
    ((2, 3, 5), (2, 3, 5)),
    ((1, 4, 3, 5), (1, 1, 1, 5)),
    ((1, 1, 1, 5), (1, 4, 3, 5)),
    ((1, 4, 3, 5), (5,)),
    ((1, 4, 3, 5), (1,)),
    ((1, 4, 3, 5), (1, 4, 3, 1)),
    ((1, 4, 1, 5), (1, 1, 3, 5)),
    ((2, 1, 3, 2), (1, 4, 1, 2)),
    ((3, 17), (1, 17)),
]


def binary_case(rng, operator, shapes, constant, activation, scales=None, zero_points=None):
    """One ADD or MUL; `constant` is the index of an operand that is a constant of the model, or None."""
    zero_points = zero_points or [None] * 3
    a, b = (activation_tensor(rng, s, None if scales is None else scales[i], zero_points[i]) for i, s in enumerate(shapes))
    if scales is None:
        factor = math.exp(rng.uniform(-0.7, 0.7))
        y_scale = f32((a.s + b.s) * factor) if operator == "ADD" else f32(a.s * b.s * 90 * factor)
    else:
        y_scale = f32(scales[2])
    y = activation_tensor(rng, np.broadcast_shapes(*shapes), y_scale, zero_points[2])
    inputs = [a, b]
    if constant is not None:
        old = inputs[constant]
        inputs[constant] = Tensor(data=int8s(rng, old.shape), scale=old.s, zero_point=old.z)
    model = Model(operator, inputs, y, {"fusedActivationFunction": activation})
    return model, two_vectors(rng, model.activations)


ADD_SCALES = {
    "equal_scales": (0.05, 0.05, 0.05),
    "power_of_two": (0.25, 0.5, 1.0),
    "far_apart": (0.5, 1e-4, 0.5),
    "very_far_apart": (1e-9, 0.7, 0.6),
    "output_large": (0.01, 0.01, 5.0),
    "output_small": (0.2, 0.3, 0.001),
    "output_very_small": (0.2, 0.3, 1e-6),
}
MUL_SCALES = {
    "equal_scales": (0.05, 0.05, 0.05),
    "shift_zero": (0.9, 0.8, 1.0),
    "one": (1.0, 1.0, 1.0),
    "left_shift": (2.0, 3.0, 0.9),
    "left_shift_14": (100.0, 150.0, 1.0),
    "tiny": (1e-4, 1e-4, 1.0),
    "flushed": (1e-6, 1e-6, 1.0),
    "tie_1.5": (tie_scales(1.5)[0], 1.0, tie_scales(1.5)[1]),
    "tie_0.75": (1.0, tie_scales(0.75)[0], tie_scales(0.75)[1]),
}


def binaries(operator):
    """ADD or MUL."""
    rng = seeded(operator)
    for index, shapes in enumerate(SHAPE_PAIRS):
        yield f"shapes_{index}", *binary_case(rng, operator, shapes, None, NONE)
    for index in (0, 4, 6, 7):
        for constant in (0, 1):
            yield f"constant_{constant}_shapes_{index}", *binary_case(rng, operator, SHAPE_PAIRS[index], constant, NONE)
    full = ((1, 3, 5, 8), (1, 3, 5, 8))
    for name, scales in (ADD_SCALES if operator == "ADD" else MUL_SCALES).items():
        yield name, *binary_case(rng, operator, full, None, NONE, [f32(s) for s in scales])
    for index, zero_points in enumerate([(-128, -128, -128), (127, 127, 127), (-128, 127, 0), (127, -128, -128)]):
        yield f"zero_points_{index}", *binary_case(rng, operator, full, None, NONE, None, zero_points)
    for index in range(21):
        activation = (NONE, RELU, RELU6)[index % 3]
        # A RELU6 is only seen when the output's range reaches beyond six.
        scales = (f32(0.07), f32(0.05), f32(0.06)) if activation == RELU6 else None
        yield f"random_{index}", *binary_case(rng, operator, full, None, activation, scales)


def softmax():
    """SOFTMAX."""
    rng = seeded("SOFTMAX")
    shapes = [(1, 10), (1, 2), (1, 1), (4, 12), (1, 3, 5), (1, 2, 2, 7), (1, 256)]
    cases = [(f"scale_{scale}", scale, 1.0, (2, 21)) for scale in
             (1e-7, 1e-4, 0.003, 0.02, 0.0625, 0.1, 0.25, 0.5, 1.0, 3.7, 31.0, 32.0, 100.0)]  # fmt: skip
    cases += [(f"beta_{beta}", 0.05, beta, (2, 21)) for beta in (0.1, 0.5, 2.0, 10.0)]
    cases += [(f"shape_{index}", float(scale_of(rng, 0.01, 0.3)), 1.0, shape) for index, shape in enumerate(shapes)]
    for name, scale, beta, shape in cases:
        x = activation_tensor(rng, shape, f32(scale))
        y = Tensor(shape, np.int8, f32(1 / 256), -128)
        vectors = [*two_vectors(rng, [x]), [np.full(shape, -128, np.int8)], [all_bytes(rng, shape)]]
        vectors.append([rng.integers(-4, 5, shape, np.int8)])
        yield name, Model("SOFTMAX", [x], y, {"beta": beta}), vectors


def squashes(operator):
    """LOGISTIC and TANH: every input value under many scales."""
    rng = seeded(operator)
    scales = [1e-6, 1e-4, 0.001, 0.0078125, 0.02, 0.03125, 0.05, 0.0625, 0.08, 0.117, 0.125, 0.2, 0.5, 1.0, 4.0, 8.0, 20.0]
    for index, scale in enumerate(scales):
        x = activation_tensor(rng, (1, 256), f32(scale), ZERO_POINTS[index % 7])
        y = Tensor((1, 256), np.int8, f32(1 / 256 if operator == "LOGISTIC" else 1 / 128), -128 if operator == "LOGISTIC" else 0)
        yield f"scale_{scale}", Model(operator, [x], y), [[np.arange(-128, 128).astype(np.int8).reshape(1, 256)]]


def mean_case(rng, shape, axes, keep, scales=None, zero_points=(None, None)):
    """One MEAN."""
    x = activation_tensor(rng, shape, scales and f32(scales[0]), zero_points[0])
    positive = {axis % len(shape) for axis in axes}
    kept = [1 if axis in positive else extent for axis, extent in enumerate(shape) if keep or axis not in positive]
    y_scale = f32(scales[1]) if scales else f32(x.s * math.exp(rng.uniform(-1.5, 0.2)))
    y = activation_tensor(rng, kept, y_scale, zero_points[1])
    axis = Tensor(data=np.array(axes, np.int32))
    return Model("MEAN", [x, axis], y, {"keepDims": keep}), two_vectors(rng, [x])


def mean():
    """MEAN."""
    rng = seeded("MEAN")
    image = (1, 5, 4, 7)
    for axes in ([1, 2], [2, 1], [1], [2], [3], [1, 2, 3], [-1], [-3, -2], [1, 1, 2]):
        for keep in (True, False):
            name = "_".join(map(str, axes)).replace("-", "m")
            yield f"axes_{name}_{'keep' if keep else 'drop'}", *mean_case(rng, image, axes, keep)
    yield "batch", *mean_case(rng, (3, 2, 5, 4), [1, 2], True)
    yield "rank_2", *mean_case(rng, (3, 11), [1], False)
    yield "rank_3", *mean_case(rng, (2, 7, 5), [1], True)
    yield "one_element", *mean_case(rng, (1, 1, 1, 9), [1, 2], True)
    for name, scales in {
        "equal_scales": (0.1, 0.1),
        "small_ratio": (1e-6, 1.0),
        "smallest_ratio": (1e-9, 2.0),
        "flushed": (1e-11, 2.0),
        "large_ratio": (1.0, 0.01),
        "tie_1.5": tie_scales(1.5),
        "quarter": (0.25, 1.0),
    }.items():
        for index, zero_points in enumerate([(-128, 127), (127, -128), (5, 5)]):
            yield f"{name}_{index}", *mean_case(rng, (1, 6, 6, 5), [1, 2], False, scales, zero_points)


def reduce_max_case(rng, shape, axes, keep):
    """One REDUCE_MAX; its result has its operand's scale and zero point."""
    model, vectors = mean_case(rng, shape, axes, keep)
    x, y = model.inputs[0], model.output
    y.scale, y.zero_point = x.scale, x.zero_point
    return Model("REDUCE_MAX", model.inputs, y, model.options), vectors


def reduce_max():
    """REDUCE_MAX."""
    rng = seeded("REDUCE_MAX")
    image = (1, 5, 4, 7)
    for axes in ([1, 2], [2, 1], [1], [2], [3], [2, 3], [1, 2, 3], [-1], [-3, -2], [1, 1, 2]):
        for keep in (True, False):
            name = "_".join(map(str, axes)).replace("-", "m")
            yield f"axes_{name}_{'keep' if keep else 'drop'}", *reduce_max_case(rng, image, axes, keep)
    yield "all_axes", *reduce_max_case(rng, (2, 3, 5), [0, 1, 2], True)
    yield "batch", *reduce_max_case(rng, (3, 2, 5, 4), [1, 2], True)
    yield "across_batch", *reduce_max_case(rng, (3, 2, 19), [0], False)
    yield "rank_2", *reduce_max_case(rng, (3, 11), [1], False)
    yield "rank_3", *reduce_max_case(rng, (2, 7, 37), [1], True)
    yield "around_one", *reduce_max_case(rng, (2, 3, 1, 5), [1, 3], False)
    yield "one_element", *reduce_max_case(rng, (1, 1, 1, 9), [1, 2], True)


def rescalers(operator):
    """RELU and QUANTIZE int8 to int8: every input value under many pairs of parameters."""
    rng = seeded(operator)
    pairs = [(0.05, 0.05), (0.05, 0.025), (0.05, 0.1), (0.05, 0.033), (0.031, 0.05), (1.0, 1e-3), (1e-3, 1.0), (1e-8, 90.0)]
    pairs += [tie_scales(1.5), tie_scales(0.75), tie_scales(2.5)]
    pairs += [(ratio, 1.0) for ratio in (0.25, 0.125, 0.3, 0.21, 0.11, 0.06, 0.02)]
    for index, (sx, sy) in enumerate(pairs):
        for zero_points in [(-128, -128), (127, -128), (int(rng.integers(-128, 128)), int(rng.integers(-128, 128)))]:
            x = Tensor((1, 256), np.int8, f32(sx), zero_points[0])
            y = Tensor((1, 256), np.int8, f32(sy), zero_points[1])
            vector = [np.arange(-128, 128).astype(np.int8).reshape(1, 256)]
            yield f"pair_{index}_{zero_points[0]}_{zero_points[1]}".replace("-", "m"), Model(operator, [x], y), [vector]


def relu6():
    """RELU6."""
    for scale in (0.01, 0.02352941, 0.046875, 0.1, 0.5, 4.0, 12.0):
        for zero_point in (-128, 0, 100, 127):
            x = Tensor((1, 256), np.int8, f32(scale), zero_point)
            vector = [np.arange(-128, 128).astype(np.int8).reshape(1, 256)]
            name = f"scale_{scale}_{zero_point}".replace("-", "m")
            yield name, Model("RELU6", [x], Tensor((1, 256), np.int8, x.s, zero_point)), [vector]


def quantize_float():
    """QUANTIZE f32 to int8, with values at and beside every boundary between quanta."""
    for scale in (1.0, 0.5, 0.1, 0.0078125, 1 / 255, 0.0235, 3.3):
        for zero_point in (-128, 0, 13, 127):
            y = Tensor((1, 768), np.int8, f32(scale), zero_point)
            middles = ((np.arange(-128, 128) - zero_point + 0.5) * f64(y.s)).astype(f32)
            values = np.concatenate([middles, np.nextafter(middles, f32(-1e9)), np.nextafter(middles, f32(1e9))])
            values[:4] = [1e6 * scale, -1e6 * scale, 0.0, -0.0]
            model = Model("QUANTIZE", [Tensor((1, 768), np.float32)], y)
            yield f"scale_{scale:.7}_{zero_point}".replace("-", "m"), model, [[values.reshape(1, 768).astype(f32)]]


def quantize():
    """QUANTIZE."""
    for name, model, vectors in rescalers("QUANTIZE"):
        yield f"int8_{name}", model, vectors
    for name, model, vectors in quantize_float():
        yield f"float_{name}", model, vectors


def dequantize():
    """DEQUANTIZE."""
    for scale in (1.0, 0.1, 1 / 256, 0.0235, 1e-30, 3e30):
        for zero_point in (-128, 5, 127):
            x = Tensor((1, 256), np.int8, f32(scale), zero_point)
            vector = [np.arange(-128, 128).astype(np.int8).reshape(1, 256)]
            name = f"scale_{scale:.7}_{zero_point}".replace("-", "m")
            yield name, Model("DEQUANTIZE", [x], Tensor((1, 256), np.float32)), [vector]


PADDINGS = [
    ((1, 3, 4, 2), [[0, 0], [1, 1], [1, 1], [0, 0]]),
    ((1, 3, 4, 2), [[0, 0], [0, 1], [0, 1], [0, 0]]),
    ((1, 3, 4, 2), [[0, 0], [2, 0], [0, 3], [0, 0]]),
    ((1, 3, 4, 2), [[0, 0], [0, 0], [0, 0], [1, 2]]),
    ((2, 3, 1, 2), [[1, 0], [0, 2], [1, 1], [0, 1]]),
    ((1, 3, 4, 2), [[0, 0], [0, 0], [0, 0], [0, 0]]),
    ((5,), [[2, 3]]),
    ((3, 5), [[0, 0], [4, 1]]),
    ((2, 3, 2), [[1, 1], [0, 1], [2, 0]]),
]


def pads(operator):
    """PAD or PADV2."""
    rng = seeded(operator)
    for index, (shape, amounts) in enumerate(PADDINGS):
        for zero_point in (-128, int(rng.integers(-127, 128))):
            x = activation_tensor(rng, shape, zero_point=zero_point)
            inputs = [x, Tensor(data=np.array(amounts, np.int32))]
            if operator == "PADV2":
                inputs.append(Tensor(data=int8s(rng, (1,)), scale=x.s, zero_point=x.z))
            y = Tensor([e + sum(a) for e, a in zip(shape, amounts)], np.int8, x.s, x.z)
            name = f"pad_{index}_{zero_point}".replace("-", "m")
            yield name, Model(operator, inputs, y), [[int8s(rng, shape)]]


def concatenation():
    """CONCATENATION."""
    rng = seeded("CONCATENATION")
    for index, (shapes, axis) in enumerate([
        ([(1, 2, 3, 4), (1, 2, 3, 5)], 3),
        ([(1, 2, 3, 4), (1, 2, 3, 1), (1, 2, 3, 3)], -1),
        ([(1, 2, 3, 4), (1, 3, 3, 4)], 1),
        ([(1, 2, 3, 4), (1, 2, 5, 4)], 2),
        ([(1, 2, 3, 4), (2, 2, 3, 4)], 0),
        ([(3,), (4,)], 0),
        ([(2, 3), (2, 4)], 1),
        ([(1, 5)] * 6, 1),
        ([(1, 7)], 1),
    ]):  # fmt: skip
        first = activation_tensor(rng, shapes[0])
        inputs = [Tensor(shape, np.int8, first.s, first.z) for shape in shapes]
        total = list(shapes[0])
        total[axis] = sum(shape[axis] for shape in shapes)
        model = Model("CONCATENATION", inputs, Tensor(tuple(total), np.int8, first.s, first.z), {"axis": axis})
        yield f"join_{index}", model, [[int8s(rng, shape) for shape in shapes]]


def reshape():
    """RESHAPE: with the shape as an operand and as an option, and with -1."""
    rng = seeded("RESHAPE")
    for index, (before, after, written) in enumerate([
        ((1, 2, 3, 4), (1, 24), (1, 24)),
        ((1, 2, 3, 4), (1, 24), (-1, 24)),
        ((2, 6), (2, 3, 2), (2, -1, 2)),
        ((24,), (1, 2, 3, 4), (1, 2, 3, 4)),
        ((1, 1, 1, 5), (5,), (5,)),
    ]):  # fmt: skip
        x = activation_tensor(rng, before)
        inputs = [x, Tensor(data=np.array(written, np.int32))]
        model = Model("RESHAPE", inputs, Tensor(after, np.int8, x.s, x.z), {"newShape": list(written)})
        yield f"reshape_{index}", model, [[int8s(rng, before)]]


INT8 = {
    "conv_2d": lambda: convolutions(False),
    "depthwise_conv_2d": lambda: convolutions(True),
    "transpose_conv": transpose_conv,
    "fully_connected": fully_connected,
    "average_pool_2d": lambda: pools("AVERAGE_POOL_2D"),
    "max_pool_2d": lambda: pools("MAX_POOL_2D"),
    "add": lambda: binaries("ADD"),
    "mul": lambda: binaries("MUL"),
    "softmax": softmax,
    "logistic": lambda: squashes("LOGISTIC"),
    "tanh": lambda: squashes("TANH"),
    "mean": mean,
    "reduce_max": reduce_max,
    "relu": lambda: rescalers("RELU"),
    "relu6": relu6,
    **function_cases.INT8,
    "quantize": quantize,
    "dequantize": dequantize,
    "pad": lambda: pads("PAD"),
    "padv2": lambda: pads("PADV2"),
    "concatenation": concatenation,
    "reshape": reshape,
    "moves": move_cases.moves,
    "resize": move_cases.resize,
}
