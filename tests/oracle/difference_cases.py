"""Random single operators for `differences.py`, sorted by situation: what about the operator is out of the ordinary.

A situation is a name and a generator of models with inputs. `plain` situations are what a converter writes; the others are
files that a converter has written once, or could write: results with a scale of their own behind operators that only move
or select codes, broadcasts along any axes, activations on any operator that has the field.
"""

import itertools
import math

import numpy as np

from formulas import padding
from layer_cases import activation_tensor, f32, f64, int8s, seeded
from tflite_build import NONE, RELU, RELU6, SAME, VALID, Model, Tensor

ACTIVATIONS = {"none": NONE, "relu": RELU, "relu6": RELU6}


def pick(rng, *choices):
    """One of the choices."""
    return choices[int(rng.integers(len(choices)))]


def activation_scale(rng):
    """A scale whose codes reach beyond 6, so that a RELU6 is seen."""
    return f32(math.exp(rng.uniform(math.log(0.05), math.log(0.2))))


def image(rng, channels=None):
    """A random image tensor."""
    shape = (pick(rng, 1, 1, 2), pick(rng, 3, 5, 6), pick(rng, 4, 5), channels or pick(rng, 1, 2, 3, 8))
    return activation_tensor(rng, shape, activation_scale(rng))


def result(rng, x, shape, kind):
    """A result like `x`, or with another scale, or with another zero point only."""
    if kind == "same":
        return Tensor(tuple(shape), np.int8, x.s, x.z)
    if kind == "scale":
        return activation_tensor(rng, shape, f32(x.s * pick(rng, 0.5, 0.77, 1.3, 2.0)))
    return Tensor(tuple(shape), np.int8, x.s, x.z + (20 if x.z < 0 else -20))


def inputs_of(rng, model):
    """Codes for every input."""
    return [int8s(rng, tensor.shape) for tensor in model.activations]


def no_change(bias):
    """Leaves a bias as a converter writes it."""


def other_axis(bias):
    """Old converters name the axis of the weights."""
    bias.axis = 3


def other_unit(bias):
    """Not the product of the other two scales."""
    bias.scale = bias.scale * f32(1.5)


def other_zero(bias):
    """A zero point, which the sums do not have."""
    bias.zero_point = np.full_like(bias.zero_point, 7)


def one_unit(bias):
    """A scale for all, beside weights with one for each channel."""
    bias.scale, bias.zero_point = bias.scale[:1], bias.zero_point[:1]


def no_unit(bias):
    """No quantization at all."""
    bias.scale = None


BIASES = {
    "bias along axis 3": other_axis, "bias in another unit": other_unit, "bias with a zero point": other_zero,
    "bias with one scale": one_unit, "bias without scale": no_unit,
}  # fmt: skip


def weighted(operator, rng, activation=NONE, per_channel=True, bias=no_change):
    """A convolution or dense layer; `bias` changes what is declared of the bias, None leaves it out."""
    dense, depthwise = operator == "FULLY_CONNECTED", operator == "DEPTHWISE_CONV_2D"
    x = activation_tensor(rng, (pick(rng, 1, 3), 12), activation_scale(rng)) if dense else image(rng)
    depth, multiplier = x.shape[-1], pick(rng, 1, 2)
    outputs = depth * multiplier if depthwise else pick(rng, 2, 5)
    kernel = (pick(rng, 1, 2, 3), pick(rng, 1, 3))
    shape = (outputs, depth) if dense else (1, *kernel, outputs) if depthwise else (outputs, *kernel, depth)
    scales = np.exp(rng.uniform(math.log(0.003), math.log(0.01), outputs if per_channel else 1)).astype(f32)
    w = Tensor(data=rng.integers(-127, 128, shape, np.int8), scale=scales, axis=3 if depthwise else 0)
    taps = math.prod(shape) // outputs
    inputs = [x, w]
    if bias:
        codes = rng.integers(-3000, 3000, outputs, np.int32)
        inputs.append(Tensor(scale=scales * x.s, data=codes))
        bias(inputs[2])
    y_scale = f32(x.s * scales.max() * 60 * math.sqrt(taps))
    options = {"fusedActivationFunction": activation}
    if dense:
        y = activation_tensor(rng, (x.shape[0], outputs), y_scale)
        return Model(operator, inputs, y, options)
    kind, stride = pick(rng, SAME, VALID), (pick(rng, 1, 2), pick(rng, 1, 2))
    extents = [padding(kind, x.shape[1 + axis], kernel[axis], stride[axis])[0] for axis in (0, 1)]
    options |= {"padding": kind, "strideH": stride[0], "strideW": stride[1]}
    options |= {"dilationHFactor": 1, "dilationWFactor": 1}
    if depthwise:
        options["depthMultiplier"] = multiplier
    return Model(operator, inputs, activation_tensor(rng, (x.shape[0], *extents, outputs), y_scale), options)


def pooling(operator, rng, activation=NONE, kind="same"):
    """A pooling."""
    x = image(rng)
    window, stride, pad = (pick(rng, 1, 2, 3), pick(rng, 2, 3)), (pick(rng, 1, 2), pick(rng, 1, 2)), pick(rng, SAME, VALID)
    extents = [padding(pad, x.shape[1 + axis], window[axis], stride[axis])[0] for axis in (0, 1)]
    y = result(rng, x, (x.shape[0], *extents, x.shape[3]), kind)
    options = {"padding": pad, "strideH": stride[0], "strideW": stride[1], "filterHeight": window[0]}
    options |= {"filterWidth": window[1], "fusedActivationFunction": activation}
    return Model(operator, [x], y, options)


BROADCASTS = {
    "equal": [((1, 4, 3, 5), (1, 4, 3, 5)), ((7,), (7,)), ((2, 3, 5), (2, 3, 5))],
    "one": [((1, 4, 3, 5), (1,)), ((3, 7), (1, 1)), ((1, 1, 1, 1), (1, 4, 3, 5))],
    "channel": [((1, 4, 3, 5), (5,)), ((1, 1, 1, 5), (1, 4, 3, 5)), ((2, 3, 4), (4,))],
    "inner": [((1, 4, 3, 5), (1, 4, 3, 1)), ((2, 3, 4), (2, 1, 1))],
    "middle": [((1, 4, 3, 5), (1, 4, 1, 5)), ((2, 3, 4), (2, 1, 4))],
    "both": [((1, 4, 1, 3), (1, 1, 5, 3)), ((4, 1), (1, 6)), ((1, 1, 3, 2), (1, 4, 1, 2))],
    "rank": [((1, 1, 13), (13,)), ((2, 3, 4), (3, 4)), ((6,), (2, 3, 6))],
    "five_axes": [((1, 2, 3, 2, 4), (1, 2, 3, 2, 4)), ((1, 2, 3, 2, 4), (4,))],
}


def binary(operator, rng, activation=NONE, broadcast="equal", constant=False):
    """ADD or MUL."""
    shapes = pick(rng, *BROADCASTS[broadcast])
    a, b = (activation_tensor(rng, shape, activation_scale(rng)) for shape in shapes)
    inputs = [a, Tensor(data=int8s(rng, b.shape), scale=b.s, zero_point=b.z) if constant else b]
    scale = f32((a.s + b.s) * pick(rng, 0.6, 1.1)) if operator == "ADD" else f32(a.s * b.s * 100)
    y = activation_tensor(rng, np.broadcast_shapes(*shapes), scale)
    return Model(operator, inputs, y, {"fusedActivationFunction": activation})


def squashing(operator, rng, scale=None, zero_point=None):
    """SOFTMAX, LOGISTIC or TANH."""
    x = activation_tensor(rng, (2, 12), activation_scale(rng))
    fixed = (1 / 128, 0) if operator == "TANH" else (1 / 256, -128)
    y = Tensor(x.shape, np.int8, f32(fixed[0] * (scale or 1)), fixed[1] if zero_point is None else zero_point)
    return Model(operator, [x], y, {"beta": 1.0} if operator == "SOFTMAX" else {})


def alone(operator, rng, kind="same"):
    """RELU, RELU6 or QUANTIZE of int8."""
    x = image(rng)
    return Model(operator, [x], result(rng, x, x.shape, kind))


def moving(operator, rng, kind="same"):
    """RESHAPE, SQUEEZE, EXPAND_DIMS."""
    x = activation_tensor(rng, (1, 6, 4) if operator == "EXPAND_DIMS" else (1, 6, 1, 4), activation_scale(rng))
    shape = {"RESHAPE": (2, 12), "SQUEEZE": (6, 4), "EXPAND_DIMS": (1, 6, 1, 4)}[operator]
    operands = {"RESHAPE": [shape], "SQUEEZE": [], "EXPAND_DIMS": [(2,)]}[operator]
    constants = [Tensor(data=np.array(numbers, np.int32)) for numbers in operands]
    options = {"RESHAPE": {"newShape": list(shape)}, "SQUEEZE": {"squeezeDims": [0, 2]}, "EXPAND_DIMS": {}}[operator]
    return Model(operator, [x, *constants], result(rng, x, shape, kind), options)


def pad(rng, kind="same"):
    """PAD with the code of zero."""
    x = image(rng)
    amounts = np.array([[0, 0], [pick(rng, 0, 1), 1], [2, pick(rng, 0, 1)], [0, pick(rng, 0, 1)]], np.int32)
    shape = [extent + int(pair.sum()) for extent, pair in zip(x.shape, amounts)]
    return Model("PAD", [x, Tensor(data=amounts)], result(rng, x, shape, kind))


def concat(rng, kind="same", activation=NONE):
    """CONCATENATION of three along the channels; `kind` says which of them have scales of their own."""
    first = image(rng, 3)
    others = {"same": ("same", "same"), "one": ("same", "scale"), "all": ("scale", "scale"), "zero": ("zero", "same")}
    inputs = [first, *(result(rng, first, first.shape, one) for one in others[kind])]
    y = result(rng, first, (*first.shape[:3], 9), "scale" if kind == "all" else "same")
    return Model("CONCATENATION", inputs, y, {"axis": 3, "fusedActivationFunction": activation})


def reduction(operator, rng, axes, keep, kind="same"):
    """MEAN or REDUCE_MAX."""
    x = activation_tensor(rng, (2, 4, 5, 3), activation_scale(rng))
    positive = {axis % 4 for axis in axes}
    kept = [1 if axis in positive else extent for axis, extent in enumerate(x.shape) if keep or axis not in positive]
    return Model(operator, [x, Tensor(data=np.array(axes, np.int32))], result(rng, x, kept, kind), {"keepDims": keep})


def dequantize(rng):
    """DEQUANTIZE."""
    x = image(rng)
    return Model("DEQUANTIZE", [x], Tensor(x.shape, np.float32))


REDUCED_AXES = {
    "adjacent": [1, 2], "channel": [3], "three": [1, 2, 3], "negative": [-3, -2], "twice": [1, 1, 2], "apart": [1, 3],
    "batch": [0], "batch_and_channel": [0, -1],
}  # fmt: skip


def situations():
    """Name and maker of every situation; a maker takes a generator of random numbers."""
    found = {}
    for operator in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        for name, activation in ACTIVATIONS.items():
            found[f"{operator}/{name}"] = lambda rng, o=operator, a=activation: weighted(o, rng, a)
        found[f"{operator}/one scale"] = lambda rng, o=operator: weighted(o, rng, per_channel=False)
        found[f"{operator}/no bias"] = lambda rng, o=operator: weighted(o, rng, bias=None)
        for name, bias in BIASES.items():
            found[f"{operator}/{name}"] = lambda rng, o=operator, b=bias: weighted(o, rng, bias=b)
        for name in ("bias in another unit", "bias with a zero point", "bias without scale"):
            bias = BIASES[name]
            found[f"{operator}/one scale, {name}"] = lambda rng, o=operator, b=bias: weighted(o, rng, NONE, False, b)
    for operator in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        for name, activation in ACTIVATIONS.items():
            found[f"{operator}/{name}"] = lambda rng, o=operator, a=activation: pooling(o, rng, a)
        for kind in ("scale", "zero"):
            found[f"{operator}/other {kind}"] = lambda rng, o=operator, k=kind: pooling(o, rng, NONE, k)
            found[f"{operator}/other {kind}, relu6"] = lambda rng, o=operator, k=kind: pooling(o, rng, RELU6, k)
    for operator in ("ADD", "MUL"):
        for name, activation in ACTIVATIONS.items():
            found[f"{operator}/{name}"] = lambda rng, o=operator, a=activation: binary(o, rng, a)
        for shape in BROADCASTS:
            for constant in (False, True):
                name = f"{operator}/{shape.replace('_', ' ')}{', constant' if constant else ''}"
                found[name] = lambda rng, o=operator, s=shape, c=constant: binary(o, rng, NONE, s, c)
    for operator in ("SOFTMAX", "LOGISTIC", "TANH"):
        found[f"{operator}/plain"] = lambda rng, o=operator: squashing(o, rng)
        found[f"{operator}/other scale"] = lambda rng, o=operator: squashing(o, rng, pick(rng, 0.8, 1.4))
        found[f"{operator}/other zero"] = lambda rng, o=operator: squashing(o, rng, None, pick(rng, -100, 7))
    for kind in ("same", "scale", "zero"):
        label = "plain" if kind == "same" else f"other {kind}"
        for operator in ("RELU", "RELU6", "QUANTIZE"):
            found[f"{operator}/{label}"] = lambda rng, o=operator, k=kind: alone(o, rng, k)
        for operator in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS"):
            found[f"{operator}/{label}"] = lambda rng, o=operator, k=kind: moving(o, rng, k)
        found[f"PAD/{label}"] = lambda rng, k=kind: pad(rng, k)
        for operator, name in itertools.product(("MEAN", "REDUCE_MAX"), REDUCED_AXES):
            for keep in (True, False):
                situation = f"{operator}/{name.replace('_', ' ')}, {'kept' if keep else 'dropped'}"
                situation += "" if kind == "same" else f", {label}"
                axes = REDUCED_AXES[name]
                found[situation] = lambda rng, o=operator, a=axes, p=keep, k=kind: reduction(o, rng, a, p, k)
    for kind in ("same", "one", "all", "zero"):
        label = {"same": "plain", "one": "one other scale", "all": "other scales", "zero": "one other zero"}[kind]
        found[f"CONCATENATION/{label}"] = lambda rng, k=kind: concat(rng, k)
    for name, activation in ACTIVATIONS.items():
        if activation != NONE:
            found[f"CONCATENATION/{name}"] = lambda rng, a=activation: concat(rng, "same", a)
    found["DEQUANTIZE/plain"] = dequantize
    return found


def models(name, make, count):
    """`count` models of a situation with inputs, always the same ones."""
    rng = seeded(name)
    for _ in range(count):
        model = make(rng)
        yield model, inputs_of(rng, model)
