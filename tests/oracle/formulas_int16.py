"""The oracle's kernels for int16 activations with int8 weights, as executable Python; see `formulas.py`."""

import itertools

import numpy as np

from formulas import (
    channel_multipliers, clamp, f32, f64, mbqm, padding, pool, quantize_multiplier, round_away, transposed_sums, wrap,
)  # fmt: skip
from tflite_build import NONE, RELU6

INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1


def mbqm_long(x, m, s):
    """Multiplication of a 64-bit number by m * 2^(s-31) with 15 bits of m, rounded once, halves up."""
    reduced = (m + 2**15) >> 16 if m < 0x7FFF0000 else 0x7FFF
    return wrap((x * reduced + (1 << (14 - s))) >> (15 - s)) if m else 0


def act_range(activation, output):
    """Smallest and largest output of a fused activation; the zero point is 0."""
    low = INT16_MIN if activation == NONE else 0
    high = min(INT16_MAX, round_away(f32(6) / output.s)) if activation == RELU6 else INT16_MAX
    return low, high


def requantize(model, sums, bias, multipliers):
    """The outputs of layers: `sums` are products per output element, output channels last."""
    low, high = act_range(model.options.get("fusedActivationFunction", NONE), model.output)
    is_short = bias is not None and np.dtype(bias.dtype) == np.int32

    def one(index, total):
        channel = index % len(multipliers)
        acc = total + (int(bias.data[channel]) if bias is not None else 0)
        factor = multipliers[channel]
        return clamp(mbqm(wrap(acc), *factor) if is_short else mbqm_long(acc, *factor), low, high)

    return np.array([one(i, int(v)) for i, v in enumerate(sums.ravel())], np.int16).reshape(model.output.shape)


def conv(model, data, depthwise):
    """CONV_2D and DEPTHWISE_CONV_2D."""
    x, w = model.inputs[0], model.inputs[1]
    bias = model.inputs[2] if len(model.inputs) > 2 else None
    y, o = model.output, model.options
    image, taps = data[0].astype(np.int64), w.data.astype(np.int64)
    _, height, width, depth = x.shape
    kernel_h, kernel_w = w.shape[1:3]
    dy, dx = o.get("dilationHFactor", 1), o.get("dilationWFactor", 1)
    _, top = padding(o["padding"], height, kernel_h, o["strideH"], dy)
    _, left = padding(o["padding"], width, kernel_w, o["strideW"], dx)
    sums = np.zeros(y.shape, np.int64)
    for n, oy, ox, c in itertools.product(*map(range, y.shape)):
        for ky, kx in itertools.product(range(kernel_h), range(kernel_w)):
            iy, ix = oy * o["strideH"] - top + ky * dy, ox * o["strideW"] - left + kx * dx
            if not (0 <= iy < height and 0 <= ix < width):
                continue
            if depthwise:
                sums[n, oy, ox, c] += taps[0, ky, kx, c] * image[n, iy, ix, c // (y.shape[3] // depth)]
            else:
                span = w.shape[3]
                group = c // (y.shape[3] // (depth // span))
                sums[n, oy, ox, c] += np.dot(taps[c, ky, kx], image[n, iy, ix, group * span : (group + 1) * span])
    return requantize(model, sums, bias, channel_multipliers(x, w, y, y.shape[3]))


def fully_connected(model, data):
    """FULLY_CONNECTED."""
    x, w = model.inputs[0], model.inputs[1]
    bias = model.inputs[2] if len(model.inputs) > 2 else None
    sums = data[0].reshape(-1, w.shape[1]).astype(np.int64) @ w.data.astype(np.int64).T
    return requantize(model, sums, bias, channel_multipliers(x, w, model.output, w.shape[0]))


def transpose_conv(model, data):
    """TRANSPOSE_CONV, with a bias of 64 bits or none."""
    w, x, y = model.inputs[1], model.inputs[2], model.output
    bias = model.inputs[3] if len(model.inputs) > 3 else None
    return requantize(model, transposed_sums(model, data), bias, channel_multipliers(x, w, y, w.shape[0]))


def mul(model, data):
    """MUL with broadcasting."""
    a, b, y = model.inputs[0], model.inputs[1], model.output
    given = iter(data)
    xa, xb = (t.data if t.data is not None else next(given) for t in (a, b))
    low, high = act_range(model.options.get("fusedActivationFunction", NONE), y)
    factor = quantize_multiplier(f64(a.s) * f64(b.s) / f64(y.s))
    xa, xb = np.broadcast_arrays(xa, xb)
    values = [clamp(mbqm(int(p) * int(q), *factor), low, high) for p, q in zip(xa.ravel(), xb.ravel())]
    return np.array(values, np.int16).reshape(y.shape)


def quantize(model, data):
    """QUANTIZE from int16 or to it."""
    x, y = model.inputs[0], model.output
    low, high = (-128, 127) if np.dtype(y.dtype) == np.int8 else (INT16_MIN, INT16_MAX)
    if np.dtype(x.dtype) == np.float32:
        values = [clamp(round_away(f32(v) / y.s) + y.z, low, high) for v in data[0].ravel()]
    else:
        factor = quantize_multiplier(f64(x.s) / f64(y.s))
        values = [clamp(mbqm(int(v) - x.z, *factor) + y.z, low, high) for v in data[0].ravel()]
    return np.array(values, y.dtype).reshape(y.shape)


def add(model, data):
    """ADD with broadcasting."""
    a, b, y = model.inputs[0], model.inputs[1], model.output
    given = iter(data)
    xa, xb = (t.data if t.data is not None else next(given) for t in (a, b))
    low, high = act_range(model.options.get("fusedActivationFunction", NONE), y)
    twice = 2 * f64(max(a.s, b.s))
    first, second = quantize_multiplier(f64(a.s) / twice), quantize_multiplier(f64(b.s) / twice)
    last = quantize_multiplier(twice / (2**15 * f64(y.s)))

    def one(p, q):
        total = mbqm(int(p) << 15, *first) + mbqm(int(q) << 15, *second)
        return clamp(mbqm(total, *last), low, high)

    xa, xb = np.broadcast_arrays(xa, xb)
    return np.array([one(p, q) for p, q in zip(xa.ravel(), xb.ravel())], np.int16).reshape(y.shape)


def run(model, data):
    """The output of a model with int16 activations."""
    match model.operator:
        case "CONV_2D" | "DEPTHWISE_CONV_2D":
            return conv(model, data, model.operator != "CONV_2D")
        case "FULLY_CONNECTED":
            return fully_connected(model, data)
        case "ADD":
            return add(model, data)
        case "MUL":
            return mul(model, data)
        case "TRANSPOSE_CONV":
            return transpose_conv(model, data)
        case "AVERAGE_POOL_2D" | "MAX_POOL_2D":
            return pool(model, data, model.operator != "MAX_POOL_2D", act_range)
        case "PAD":
            return np.pad(data[0], model.inputs[1].data.tolist())
        case "QUANTIZE":
            return quantize(model, data)
        case "DEQUANTIZE":
            return (model.inputs[0].s * data[0].astype(f32)).astype(f32)
    raise ValueError(model.operator)
