"""The page `tests/golden/README.md` as executable Python: what the oracle's int8 kernels compute.

Written from the formulas and never optimised; `make_op_goldens.py` demands that this and the oracle agree on every
case it writes. Arithmetic is on Python integers (`wrap` is where i32 would wrap) and on numpy scalars where a
rounding to f32 or f64 matters.
"""

import itertools
import math

import numpy as np

import move_cases

from tflite_build import NONE, RELU6, SAME

f32, f64 = np.float32, np.float64
INT32_MAX = 2**31 - 1


def wrap(value):
    """`value` modulo 2^32, as i32."""
    return (value + 2**31) % 2**32 - 2**31


def divide(a, b):
    """Integer division truncating toward zero."""
    return a // b if (a >= 0) == (b >= 0) else -(-a // b)


def round_away(value):
    """Nearest integer, half away from zero."""
    return math.floor(abs(float(value)) + 0.5) * (1 if value >= 0 else -1)


def clamp(value, low, high):
    """`value` limited to `low..=high`; `low` wins if they cross."""
    return min(max(value, low), high)


def srdhm(a, b):
    """Saturating rounding doubling high multiply."""
    return INT32_MAX if a == b == -(2**31) else (a * b + 2**30) >> 31


def rdpot(x, e):
    """Rounding division by a power of two, ties away from zero."""
    return (x >> e) + ((x & (2**e - 1)) > ((2**e - 1) >> 1) + (x < 0))


def mbqm(x, m, s):
    """Multiplication by the real number m * 2^(s-31)."""
    return rdpot(srdhm(wrap(x * 2 ** max(s, 0)), m), max(-s, 0))


def quantize_multiplier(real):
    """The multiplier and shift of a real number."""
    q, s = math.frexp(real)
    m = round_away(q * 2.0**31)
    if m == 2**31:
        m, s = 2**30, s + 1
    return (0, 0) if m == 0 or s < -31 else (m, s)


def act_range(activation, output):
    """Smallest and largest output of a fused activation."""
    low = -128 if activation == NONE else max(-128, output.z)
    high = min(127, round_away(f32(6) / output.s) + output.z) if activation == RELU6 else 127
    return low, high


def padding(kind, size, kernel, stride, dilation=1):
    """Output extent and elements added before."""
    effective = (kernel - 1) * dilation + 1
    out = (size + stride - 1) // stride if kind == SAME else (size + stride - effective) // stride
    return out, max(0, (out - 1) * stride + effective - size) // 2


def sat_shl(v, k):
    """Saturating left shift."""
    bound = 2 ** (31 - k) - 1
    return INT32_MAX if v > bound else -(2**31) if v < -bound else v << k


def exp_interval(a):
    """exp on [-1/4, 0), Q0.31."""
    x = wrap(a + 2**28)
    x2 = srdhm(x, x)
    x3, x4 = srdhm(x2, x), srdhm(x2, x2)
    t = rdpot(wrap(srdhm(wrap(rdpot(x4, 2) + x3), 715827883) + x2), 1)
    return wrap(1895147668 + srdhm(1895147668, wrap(x + t)))


EXP_STEPS = [
    (-2, 1672461947), (-1, 1302514674), (0, 790015084), (1, 290630308), (2, 39332535), (3, 720401), (4, 242),
]  # fmt: skip


def exp_negative(a, integer_bits):
    """exp on a <= 0 with the given integer bits, Q0.31."""
    if a == 0:
        return INT32_MAX
    fraction_bits = 31 - integer_bits
    u = (a & (2 ** (fraction_bits - 2) - 1)) - 2 ** (fraction_bits - 2)
    result = exp_interval(sat_shl(u, integer_bits))
    rest = wrap(u - a)
    for exponent, factor in EXP_STEPS:
        if exponent < integer_bits and rest & (1 << (fraction_bits + exponent)):
            result = srdhm(result, factor)
    return result


def newton(a):
    """About 2 / (1 + a), Q2.29."""
    h = divide(a + INT32_MAX + 1, 2)
    x = wrap(1515870810 + srdhm(h, -1010580540))
    for _ in range(3):
        x = wrap(x + sat_shl(srdhm(x, wrap(2**29 - srdhm(h, x))), 2))
    return x


def recip_one_plus(a):
    """1 / (1 + a)."""
    return sat_shl(newton(a), 1)


def logistic_q4(v):
    """Logistic function of a Q4.27 number."""
    if v == 0:
        return 2**30
    positive = recip_one_plus(exp_negative(-abs(v), 4))
    return positive if v > 0 else INT32_MAX - positive


def tanh_q4(v):
    """Hyperbolic tangent of a Q4.27 number."""
    if v == 0:
        return 0
    t = sat_shl(wrap(newton(exp_negative(-abs(v), 5)) - 2**29), 2)
    return t if v > 0 else -t


def channel_multipliers(x, w, y, channels):
    """Multiplier and shift of each output channel, in f64."""
    scales = np.broadcast_to(w.scale, channels)
    return [quantize_multiplier(f64(x.s) * f64(scale) / f64(y.s)) for scale in scales]


def conv(model, data, depthwise):
    """CONV_2D and DEPTHWISE_CONV_2D."""
    x, w = model.inputs[0], model.inputs[1]
    bias = model.inputs[2] if len(model.inputs) > 2 else None
    y, o = model.output, model.options
    image, taps = data[0].astype(np.int64), w.data.astype(np.int64)
    _, height, width, depth = x.shape
    kernel_h, kernel_w = w.shape[1:3]
    channels = w.shape[3] if depthwise else w.shape[0]
    dy, dx = o.get("dilationHFactor", 1), o.get("dilationWFactor", 1)
    _, top = padding(o["padding"], height, kernel_h, o["strideH"], dy)
    _, left = padding(o["padding"], width, kernel_w, o["strideW"], dx)
    multipliers = channel_multipliers(x, w, y, channels)
    low, high = act_range(o.get("fusedActivationFunction", NONE), y)
    result = np.zeros(y.shape, np.int8)
    for n, oy, ox, c in itertools.product(*map(range, y.shape)):
        acc = 0
        for ky, kx in itertools.product(range(kernel_h), range(kernel_w)):
            iy, ix = oy * o["strideH"] - top + ky * dy, ox * o["strideW"] - left + kx * dx
            if not (0 <= iy < height and 0 <= ix < width):
                continue
            if depthwise:
                multiplier = channels // depth
                acc += int(taps[0, ky, kx, c]) * (int(image[n, iy, ix, c // multiplier]) - x.z)
            else:
                span = w.shape[3]
                group = c // (channels // (depth // span))
                pixels = image[n, iy, ix, group * span : (group + 1) * span] - x.z
                acc += int(np.dot(taps[c, ky, kx], pixels))
        acc = wrap(acc + (int(bias.data[c]) if bias is not None else 0))
        result[n, oy, ox, c] = clamp(wrap(mbqm(acc, *multipliers[c]) + y.z), low, high)
    return result


def transposed_sums(model, data):
    """The sums of TRANSPOSE_CONV: every input pixel adds its window to the output."""
    w, x = model.inputs[1], model.inputs[2]
    y, o = model.output, model.options
    image, taps = data[0].astype(np.int64) - x.z, w.data.astype(np.int64)
    _, kernel_h, kernel_w, _ = w.shape
    _, top = padding(o["padding"], y.shape[1], kernel_h, o["strideH"])
    _, left = padding(o["padding"], y.shape[2], kernel_w, o["strideW"])
    acc = np.zeros(y.shape, np.int64)
    for n, iy, ix, ky, kx in itertools.product(*map(range, (*x.shape[:3], kernel_h, kernel_w))):
        oy, ox = iy * o["strideH"] - top + ky, ix * o["strideW"] - left + kx
        if 0 <= oy < y.shape[1] and 0 <= ox < y.shape[2]:
            acc[n, oy, ox] += taps[:, ky, kx] @ image[n, iy, ix]
    return acc


def transpose_conv(model, data):
    """TRANSPOSE_CONV."""
    w, x, y = model.inputs[1], model.inputs[2], model.output
    acc = transposed_sums(model, data) + (model.inputs[3].data if len(model.inputs) > 3 else 0)
    channels = w.shape[0]
    multipliers = channel_multipliers(x, w, y, channels)
    low, high = act_range(model.options.get("fusedActivationFunction", NONE), y)
    values = [clamp(mbqm(wrap(int(v)), *multipliers[i % channels]) + y.z, low, high) for i, v in enumerate(acc.ravel())]
    return np.array(values, np.int8).reshape(y.shape)


def fully_connected(model, data):
    """FULLY_CONNECTED, per tensor (product of scales in f32) or per channel (all in f64)."""
    x, w = model.inputs[0], model.inputs[1]
    bias = model.inputs[2] if len(model.inputs) > 2 else None
    y = model.output
    channels, depth = w.shape
    if len(w.scale) == 1:
        multipliers = [quantize_multiplier(f64(x.s) * f64(w.s) / f64(y.s))] * channels
    else:
        multipliers = channel_multipliers(x, w, y, channels)
    low, high = act_range(model.options.get("fusedActivationFunction", NONE), y)
    rows = data[0].reshape(-1, depth).astype(np.int64) - x.z
    acc = rows @ w.data.astype(np.int64).T + (bias.data if bias is not None else 0)
    result = [[clamp(mbqm(wrap(int(v)), *m) + y.z, low, high) for v, m in zip(row, multipliers)] for row in acc]
    return np.array(result, np.int8).reshape(y.shape)


def pool(model, data, average, limits=act_range):
    """AVERAGE_POOL_2D and MAX_POOL_2D; `limits` are those of the output's type."""
    o, y = model.options, model.output
    _, height, width, _ = model.inputs[0].shape
    _, top = padding(o["padding"], height, o["filterHeight"], o["strideH"])
    _, left = padding(o["padding"], width, o["filterWidth"], o["strideW"])
    low, high = limits(o.get("fusedActivationFunction", NONE), y)
    result = np.zeros(y.shape, y.dtype)
    for n, oy, ox, c in itertools.product(*map(range, y.shape)):
        y0, x0 = oy * o["strideH"] - top, ox * o["strideW"] - left
        patch = data[0][n, max(y0, 0) : y0 + o["filterHeight"], max(x0, 0) : x0 + o["filterWidth"], c].astype(int)
        value, half = int(patch.max()), patch.size // 2
        if average:
            total = int(patch.sum())
            value = divide(total + half if total > 0 else total - half, patch.size)
        result[n, oy, ox, c] = clamp(value, low, high)
    return result


def binary(model, data):
    """ADD and MUL with broadcasting."""
    a, b, y = model.inputs[0], model.inputs[1], model.output
    given = iter(data)
    xa, xb = (t.data if t.data is not None else next(given) for t in (a, b))
    low, high = act_range(model.options.get("fusedActivationFunction", NONE), y)
    if model.operator == "MUL":
        m, s = quantize_multiplier(f64(a.s) * f64(b.s) / f64(y.s))

        def one(p, q):
            return clamp(mbqm((int(p) - a.z) * (int(q) - b.z), m, s) + y.z, low, high)
    else:
        twice = 2 * f64(max(a.s, b.s))
        (m1, e1), (m2, e2) = quantize_multiplier(f64(a.s) / twice), quantize_multiplier(f64(b.s) / twice)
        mo, eo = quantize_multiplier(twice / (2**20 * f64(y.s)))

        def one(p, q):
            total = mbqm((int(p) - a.z) << 20, m1, e1) + mbqm((int(q) - b.z) << 20, m2, e2)
            return clamp(mbqm(total, mo, eo) + y.z, low, high)

    xa, xb = np.broadcast_arrays(xa, xb)
    return np.array([one(p, q) for p, q in zip(xa.ravel(), xb.ravel())], np.int8).reshape(y.shape)


def softmax(model, data):
    """SOFTMAX over the last axis."""
    x = model.inputs[0]
    real = min(f64(f32(model.options["beta"])) * f64(x.s) * 2.0**26, 2.0**31 - 1)
    m, s = quantize_multiplier(real)
    diff_min = -math.floor(31 * 2**26 / 2**s)
    result = []
    for row in data[0].reshape(-1, x.shape[-1]).astype(int):
        diffs = [int(v) - int(row.max()) for v in row]
        exps = [exp_negative(mbqm(d, m, s), 5) if d >= diff_min else None for d in diffs]
        total = wrap(sum(rdpot(e, 12) for e in exps if e is not None))
        headroom = 32 - total.bit_length()
        scale = recip_one_plus((total << headroom) - 2**31)
        shift = 12 - headroom + 31 - 8
        result += [-128 if e is None else clamp(rdpot(srdhm(scale, e), shift) - 128, -128, 127) for e in exps]
    return np.array(result, np.int8).reshape(model.output.shape)


def squash(model, data, function, drop, offset):
    """LOGISTIC and TANH."""
    x = model.inputs[0]
    m, s = quantize_multiplier(f64(x.s) * 2.0**27)
    radius = math.floor(15 * 2**27 / 2.0**s)

    def one(q):
        v = q - x.z
        if abs(v) >= radius:
            return -128 if v <= -radius else 127
        return clamp(rdpot(function(mbqm(v, m, s)), drop) + offset, -128, 127)

    table = np.array([one(q) for q in range(-128, 128)], np.int8)
    return table[data[0].astype(int) + 128]


def mean(model, data):
    """MEAN over constant axes."""
    x, axes, y = model.inputs[0], model.inputs[1].data, model.output
    axes = tuple({int(axis) % len(x.shape) for axis in np.atleast_1d(axes)})
    count = math.prod(x.shape[axis] for axis in axes)
    m, s = quantize_multiplier(f64(x.s) / f64(y.s))
    k = min(count.bit_length() - 1, 32, 31 + s)
    m, s = divide(m << k, count), s - k
    sums = data[0].astype(np.int64).sum(axis=axes)
    values = [clamp(mbqm(wrap(int(v) - x.z * count), m, s) + y.z, -128, 127) for v in sums.ravel()]
    return np.array(values, np.int8).reshape(y.shape)


def reduce_max(model, data):
    """REDUCE_MAX over constant axes."""
    axes = {int(axis) % len(model.inputs[0].shape) for axis in np.atleast_1d(model.inputs[1].data)}
    return data[0].max(axis=tuple(axes)).reshape(model.output.shape)


def rescale(model, data, real, low=-128):
    """RELU and QUANTIZE int8 to int8."""
    m, s = quantize_multiplier(real)
    z, y = model.inputs[0].z, model.output
    table = np.array([clamp(mbqm(q - z, m, s) + y.z, low, 127) for q in range(-128, 128)], np.int8)
    return table[data[0].astype(int) + 128]


def relu6(model, data):
    """RELU6: a clamp in quanta of the input."""
    x = model.inputs[0]
    six = clamp(round_away(f32(6) / x.s) + x.z, -128, 127)
    return np.clip(data[0], x.z, six)


def quantize(model, data):
    """QUANTIZE."""
    x, y = model.inputs[0], model.output
    if np.dtype(x.dtype) == np.int8:
        return rescale(model, data, f64(x.s) / f64(y.s))
    values = [clamp(round_away(f32(v) / y.s) + y.z, -128, 127) for v in data[0].ravel()]
    return np.array(values, np.int8).reshape(y.shape)


def dequantize(model, data):
    """DEQUANTIZE: one f32 multiplication."""
    return (model.inputs[0].s * (data[0].astype(np.int32) - model.inputs[0].z).astype(f32)).astype(f32)


def pad(model, data):
    """PAD and PADV2."""
    fill = model.output.z if len(model.inputs) == 2 else int(model.inputs[2].data.ravel()[0])
    return np.pad(data[0], model.inputs[1].data.tolist(), constant_values=fill)


def run(model, data):
    """The output of an int8 (or mixed) model."""
    match model.operator:
        case "CONV_2D" | "DEPTHWISE_CONV_2D":
            return conv(model, data, model.operator != "CONV_2D")
        case "TRANSPOSE_CONV":
            return transpose_conv(model, data)
        case "FULLY_CONNECTED":
            return fully_connected(model, data)
        case "AVERAGE_POOL_2D" | "MAX_POOL_2D":
            return pool(model, data, model.operator != "MAX_POOL_2D")
        case "ADD" | "MUL":
            return binary(model, data)
        case "SOFTMAX":
            return softmax(model, data)
        case "LOGISTIC":
            return squash(model, data, logistic_q4, 23, -128)
        case "TANH":
            return squash(model, data, tanh_q4, 24, 0)
        case "MEAN":
            return mean(model, data)
        case "REDUCE_MAX":
            return reduce_max(model, data)
        case "RELU":
            real = f64(model.inputs[0].s) / f64(model.output.s)
            return rescale(model, data, real, max(-128, model.output.z))
        case "RELU6":
            return relu6(model, data)
        case "QUANTIZE":
            return quantize(model, data)
        case "DEQUANTIZE":
            return dequantize(model, data)
        case "PAD" | "PADV2":
            return pad(model, data)
        case "CONCATENATION":
            return np.concatenate(data, axis=model.options["axis"])
        case "RESHAPE":
            return data[0].reshape(model.output.shape)
    import formulas_function  # which builds on this module

    result = formulas_function.run(model, data)
    if result is None:
        return move_cases.formula(model, data)
    return result
