"""Random operators that compute: functions of elements and of pairs, reductions, layers with weights, windows."""

import math

import numpy as np

from drawn import Drawn, integers
from formulas import padding
from tflite_build import NONE, RELU, RELU6, SAME, VALID, Tensor

f32 = np.float32
COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")


def rescaled(d, x, shape, factor=1.0):
    """A result in a unit of its own, about that of the operand."""
    if not d.is_quantized():
        return d.tensor(shape)
    return d.like(x, shape) if d.chance(0.2) else d.tensor(shape, x.s * factor * d.rng.uniform(0.5, 2))


def unary(operator):
    """A function of each element whose result has a scale of its own."""

    def draw(d):
        x = d.tensor(d.shape())
        case = Drawn(operator, [x], [rescaled(d, x, x.shape)])
        if operator in ("LOG", "SQRT", "RSQRT"):
            positive = d.rng.uniform(1e-3, 50, x.shape).astype(f32)
            case.given[id(x)] = positive if d.dtype is f32 else np.maximum(d.values(x), 0 if x.scale is None else x.z).astype(d.dtype)
        if operator == "RELU6" and d.is_quantized():
            # The oracle clamps codes without rescaling them, see docs/numerics.md.
            case.outputs = [d.like(x, x.shape)]
        if operator == "RSQRT" and d.is_quantized():
            case.outputs = [d.tensor(x.shape, d.between(0.3, 3) / math.sqrt(x.s) / (127 if d.dtype is np.int8 else 32767))]
        if operator == "LEAKY_RELU":
            case.options = {"alpha": float(d.rng.uniform(0.01, 0.9))}
        if operator in ("SIN", "COS") and d.dtype is f32:
            case.given[id(x)] = d.rng.uniform(-20, 20, x.shape).astype(f32)
        return case

    return draw


def fixed(operator, int8, int16):
    """A function whose quantized result has the one scale and zero point that converters write."""

    def draw(d):
        x = d.tensor(d.shape())
        if operator in ("LOGISTIC", "TANH") and d.dtype is np.int16 and d.chance(0.3):
            x = d.tensor(x.shape, 2.0**-12)
        result = {np.int8: int8, np.int16: int16}.get(d.dtype) or (None, None)
        options = {"beta": float(d.pick(1.0, d.rng.uniform(0.2, 2)))} if operator == "SOFTMAX" else {}
        return Drawn(operator, [x], [d.tensor(x.shape, *result)], options)

    return draw


def binary(operator):
    """A function of two operands."""

    def draw(d):
        shapes = d.broadcast()
        if operator == "PRELU":
            whole = np.broadcast_shapes(*shapes)
            shapes = (whole, shapes[1] if d.chance(0.5) else (1,) * (len(whole) - 1) + whole[-1:])
        a, b = (d.tensor(shape) for shape in shapes)
        if operator in ("MAXIMUM", "MINIMUM"):
            b = d.like(a, b.shape)
        if operator == "PRELU" and d.dtype is np.int16:
            b = d.constant(d.tensor(shapes[1], zero=0, dtype=np.int8))
        result = np.broadcast_shapes(*shapes)
        y = Tensor(result, np.bool_) if operator in COMPARISONS else d.tensor(result, binary_scale(d, operator, a, b))
        if operator in ("MAXIMUM", "MINIMUM"):
            y = d.like(a, result)
        operands = [a, b]
        which = d.pick(0, 1) if operator != "PRELU" else 1
        operands[which] = d.maybe_constant(operands[which]) if operands[which].data is None else operands[which]
        case = Drawn(operator, operands, [y])
        if operator in ("ADD", "SUB", "MUL", "DIV"):
            case.options = {"fusedActivationFunction": NONE if d.dtype is np.int32 else d.pick(NONE, NONE, RELU, RELU6)}
        if operator in ("DIV", "FLOOR_DIV", "FLOOR_MOD"):
            apart_from_zero(d, case)
        return case

    return draw


def binary_scale(d, operator, a, b):
    """A unit in which most results are no end of the range; only a finer one may be out of a formula's reach."""
    if not d.is_quantized():
        return None
    factor, wide = d.rng.uniform(0.5, 2), d.dtype is np.int16
    return {
        "ADD": (a.s + b.s) * max(factor, 1), "SUB": (a.s + b.s) * max(factor, 1),
        "MUL": a.s * b.s * (30000 if wide else 100) * factor, "DIV": a.s / b.s * 0.05 * factor,
        "SQUARED_DIFFERENCE": max(a.s, b.s) ** 2 * (60000 if wide else 200) * factor,
        "PRELU": a.s * max(1.0, b.s * 60) * factor,
    }.get(operator)


def apart_from_zero(d, case):
    """Divisors that are not zero; what the oracle makes of codes near it is undefined."""
    a, b = case.inputs
    for tensor, least in ((a, 16 if d.is_quantized() else 0), (b, 3 if d.is_quantized() else 1)):
        values = d.values(tensor) if tensor.data is None else tensor.data
        zero = tensor.z if d.is_quantized() else 0
        near = np.abs(values.astype(float) - zero) < (0.1 * least if d.dtype is f32 else least)
        values = np.where(near, zero + (40 if zero < 0 else -40), values).astype(d.dtype)
        if tensor.data is None:
            case.given[id(tensor)] = values
        else:
            tensor.data = values


def add_n(d):
    """ADD_N: operands of one quantization."""
    x = d.tensor(d.shape())
    count = d.whole(2, 4)
    y = rescaled(d, x, x.shape, 2 * count)
    return Drawn("ADD_N", [d.like(x, x.shape) for _ in range(count)], [y])


def logical(operator):
    """LOGICAL_AND, LOGICAL_OR."""

    def draw(d):
        shapes = d.broadcast()
        return Drawn(operator, [d.tensor(shape) for shape in shapes], [d.tensor(np.broadcast_shapes(*shapes))])

    return draw


def select(d):
    """SELECT_V2."""
    whole = d.shape()
    parts = [tuple(extent if d.chance(0.8) else 1 for extent in whole) for _ in range(3)] if d.chance() else [whole] * 3
    x = d.tensor(parts[1])
    condition = Tensor(parts[0], np.bool_)
    y = d.like(x, np.broadcast_shapes(*parts))
    return Drawn("SELECT_V2", [condition, x, d.like(x, parts[2])], [y])


def axes_of(d, rank):
    """Some axes, now and then counted from the back."""
    axes = sorted(d.rng.choice(rank, d.whole(1, rank), replace=False).tolist())
    return [axis - rank if d.chance(0.3) else axis for axis in axes]


def reduction(operator):
    """MEAN, SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_ALL."""

    def draw(d):
        x = d.tensor(d.shape((2, 3, 4)))
        axes, keeps = axes_of(d, len(x.shape)), d.chance()
        gone = {axis % len(x.shape) for axis in axes}
        shape = [1 if axis in gone else extent for axis, extent in enumerate(x.shape) if keeps or axis not in gone]
        count = math.prod(x.shape[axis] for axis in gone)
        y = d.like(x, shape)
        if operator in ("MEAN", "SUM"):
            y = rescaled(d, x, shape, math.sqrt(count) if operator == "SUM" else 1)
        case = Drawn(operator, [x, integers(axes)], [y], {"keepDims": keeps})
        if operator == "REDUCE_ALL":
            case.given[id(x)] = d.rng.random(x.shape) < 0.8
        return case

    return draw


def cumsum(d):
    """CUMSUM."""
    x = d.tensor(d.shape())
    axis = d.whole(-len(x.shape), len(x.shape) - 1)
    options = {"exclusive": d.chance(), "reverse": d.chance()}
    return Drawn("CUMSUM", [x, integers(axis)], [rescaled(d, x, x.shape, 4)], options)


def arg(operator):
    """ARG_MAX, ARG_MIN."""

    def draw(d):
        x = d.tensor(d.shape())
        axis = d.whole(-len(x.shape), len(x.shape) - 1)
        shape = [extent for at, extent in enumerate(x.shape) if at != axis % len(x.shape)]
        options = {"outputType": 2}  # INT32
        return Drawn(operator, [x, integers(axis)], [Tensor(tuple(shape), np.int32)], options)

    return draw


def batch_mat_mul(d):
    """BATCH_MATMUL."""
    rows, depth, columns = (d.whole(1, 6) for _ in range(3))
    batch = d.shape((0, 1, 2), 3) if d.chance(0.7) else ()
    first, second = batch, batch
    if batch and d.chance(0.4):
        second = batch[:-1] + (1,) if d.chance() else (1,) * len(batch)
    flips = (d.chance(), d.chance())
    a = d.tensor(first + ((depth, rows) if flips[0] else (rows, depth)))
    b = d.tensor(second + ((columns, depth) if flips[1] else (depth, columns)))
    scale = a.s * b.s * math.sqrt(depth) * (20000 if d.dtype is np.int16 else 70) if d.is_quantized() else None
    y = d.tensor(batch + (rows, columns), scale)
    return Drawn("BATCH_MATMUL", [a, d.maybe_constant(b)], [y], {"adjX": flips[0], "adjY": flips[1]})


def weights(d, shape, axis, outputs):
    """Weights of a layer, and the scales of its sums."""
    if d.dtype is f32:
        return Tensor(data=d.rng.normal(0, 0.5, shape).astype(f32)), None
    per_channel = d.chance(0.7)
    scales = np.exp(d.rng.uniform(math.log(0.003), math.log(0.02), outputs if per_channel else 1)).astype(f32)
    is_int4 = d.dtype is np.int8 and d.chance(0.15)
    most = 7 if is_int4 else 127
    codes = d.rng.integers(-most, most + 1, shape).astype(np.int8)
    return Tensor(data=codes, scale=scales, zero_point=0, axis=axis, is_int4=is_int4), scales


def bias(d, x, scales, outputs, spread):
    """A bias in the unit of a layer's sums; layers on int16 have those of 64 bits."""
    if scales is None:
        return Tensor(data=d.rng.normal(0, 1, outputs).astype(f32))
    dtype = np.int64 if d.dtype is np.int16 else np.int32
    return Tensor(data=np.round(d.rng.normal(0, spread, outputs)).astype(dtype), scale=x.s * scales, zero_point=0)


def layer(operator):
    """CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, TRANSPOSE_CONV."""

    def draw(d):
        depth, outputs = d.whole(1, 9), d.whole(1, 9)
        options = {"fusedActivationFunction": d.pick(NONE, NONE, RELU, RELU6)}
        kind, kernel, stride = d.pick(SAME, VALID), (d.whole(1, 3), d.whole(1, 3)), (d.whole(1, 2), d.whole(1, 2))
        shape, axis = (outputs, *kernel, depth), 0
        if operator == "FULLY_CONNECTED":
            x, shape = d.tensor((d.whole(1, 3), depth)), (outputs, depth)
            result = (x.shape[0], outputs)
        else:
            x = d.tensor((d.whole(1, 2), d.whole(3, 7), d.whole(3, 7), depth))
            dilation = (1, 1) if operator == "TRANSPOSE_CONV" or d.chance(0.7) else (d.whole(1, 2), d.whole(1, 2))
            reach = [(extent - 1) * step + 1 for extent, step in zip(kernel, dilation)]
            kind = SAME if any(r > e for r, e in zip(reach, x.shape[1:3])) else kind
            options |= {"padding": kind, "strideH": stride[0], "strideW": stride[1]}
            if operator != "TRANSPOSE_CONV":
                options |= {"dilationHFactor": dilation[0], "dilationWFactor": dilation[1]}
            extents = [padding(kind, x.shape[1 + at], reach[at], stride[at])[0] for at in (0, 1)]
            if operator == "TRANSPOSE_CONV":
                extents = [x.shape[1 + at] * stride[at] + (max(kernel[at] - stride[at], 0) if kind == VALID else 0) for at in (0, 1)]
            if operator == "DEPTHWISE_CONV_2D":
                options["depthMultiplier"] = d.whole(1, 2)
                outputs = depth * options["depthMultiplier"]
                shape, axis = (1, *kernel, outputs), 3
            result = (x.shape[0], *extents, outputs)
        w, scales = weights(d, shape, axis, outputs)
        taps = math.prod(shape) // outputs
        spread = (8000 if d.dtype is np.int16 else 60) * (8 if w.is_int4 else 60) * math.sqrt(taps)
        unit = None if scales is None else x.s * scales.max() * spread / (15000 if d.dtype is np.int16 else 50)
        operands = [x, w] if operator != "TRANSPOSE_CONV" else [integers(result), w, x]
        if d.chance(0.7):
            operands.append(bias(d, x, scales, outputs, spread / 2))
        elif operator == "FULLY_CONNECTED" and d.chance():
            operands.append(None)
        return Drawn(operator, operands, [d.tensor(result, unit)], options)

    return draw


def pool(operator):
    """AVERAGE_POOL_2D, MAX_POOL_2D, L2_POOL_2D."""

    def draw(d):
        x = d.tensor((d.whole(1, 2), d.whole(2, 7), d.whole(2, 7), d.whole(1, 9)))
        window, stride = (d.whole(1, 3), d.whole(1, 3)), (d.whole(1, 2), d.whole(1, 2))
        kind = SAME if any(w > e for w, e in zip(window, x.shape[1:3])) else d.pick(SAME, VALID)
        extents = [padding(kind, x.shape[1 + at], window[at], stride[at])[0] for at in (0, 1)]
        options = {"padding": kind, "strideH": stride[0], "strideW": stride[1], "filterHeight": window[0],
                   "filterWidth": window[1], "fusedActivationFunction": d.pick(NONE, NONE, RELU, RELU6)}  # fmt: skip
        return Drawn(operator, [x], [d.like(x, (x.shape[0], *extents, x.shape[3]))], options)

    return draw


def quantize(d):
    """QUANTIZE: from the type that is drawn for to any."""
    x = d.tensor(d.shape())
    if d.dtype is np.int32:
        x = Tensor(x.shape, np.int32, d.between(1e-4, 1e-2), 0)
    dtype = d.pick(np.int8, np.int16) if d.dtype is not np.uint8 else np.int8
    if d.dtype is np.int8:
        dtype = d.pick(np.int8, np.int16, np.uint8, np.int32)
    elif d.dtype is np.int16:
        dtype = d.pick(np.int8, np.int16, np.int32)
    unit = 1.0 if x.scale is None else float(x.s) * {np.int8: 1, np.uint8: 1, np.int16: 256, np.int32: 4}[d.dtype]
    scale = f32(unit * d.rng.uniform(0.3, 3) / {np.int8: 1, np.uint8: 1, np.int16: 256, np.int32: 65536}[dtype])
    if x.scale is None:
        scale = f32(scale / 20)
    y = d.tensor(x.shape, scale, dtype=dtype) if dtype is not np.int32 else Tensor(x.shape, np.int32, scale, 0)
    return Drawn("QUANTIZE", [x], [y])


def dequantize(d):
    """DEQUANTIZE."""
    x = d.tensor(d.shape())
    return Drawn("DEQUANTIZE", [x], [Tensor(x.shape, f32)])


def cast(d):
    """CAST: from the type that is drawn for; its elements are numbers."""
    x = Tensor(d.shape(), d.dtype)
    to = d.pick(*{f32, np.int8, np.int16, np.int32} - {d.dtype})
    case = Drawn("CAST", [x], [Tensor(x.shape, to)])
    # What does not fit is undefined.
    case.given[id(x)] = d.rng.integers(0, 2, x.shape).astype(bool) if d.dtype is np.bool_ else d.rng.integers(-120, 120, x.shape).astype(d.dtype)
    return case


OPERATORS = {
    **{name: unary(name) for name in ("ABS", "CEIL", "COS", "ELU", "EXP", "FLOOR", "HARD_SWISH", "LEAKY_RELU", "LOG", "NEG",
                                      "RELU", "RELU6", "ROUND", "RSQRT", "SIN", "SQRT", "SQUARE")},
    "LOGISTIC": fixed("LOGISTIC", (1 / 256, -128), (1 / 32768, 0)), "TANH": fixed("TANH", (1 / 128, 0), (1 / 32768, 0)),
    "SOFTMAX": fixed("SOFTMAX", (1 / 256, -128), (1 / 32768, 0)), "LOG_SOFTMAX": fixed("LOG_SOFTMAX", (1 / 16, 127), None),
    "L2_NORMALIZATION": fixed("L2_NORMALIZATION", (1 / 128, 0), None),
    **{name: binary(name) for name in ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "FLOOR_DIV",
                                       "FLOOR_MOD", "PRELU", *COMPARISONS)},
    "ADD_N": add_n, "LOGICAL_AND": logical("LOGICAL_AND"), "LOGICAL_OR": logical("LOGICAL_OR"),
    "LOGICAL_NOT": unary("LOGICAL_NOT"), "SELECT_V2": select, "CUMSUM": cumsum,
    **{name: reduction(name) for name in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ALL")},
    **{name: arg(name) for name in ("ARG_MAX", "ARG_MIN")}, "BATCH_MATMUL": batch_mat_mul,
    **{name: layer(name) for name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")},
    **{name: pool(name) for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D")},
    "QUANTIZE": quantize, "DEQUANTIZE": dequantize, "CAST": cast,
}  # fmt: skip
