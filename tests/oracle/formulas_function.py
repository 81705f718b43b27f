"""The oracle's int8 kernels for functions of one element, as executable Python; see `formulas.py`."""

import numpy as np

from formulas import INT32_MAX, clamp, divide, f32, f64, mbqm, quantize_multiplier, rdpot, round_away, sat_shl, srdhm, wrap


def table(model, data, one):
    """`one` of each distance from the operand's zero point, brought to the result's."""
    x, y = model.inputs[0], model.output
    codes = np.array([clamp(one(q - x.z) + y.z, -128, 127) for q in range(-128, 128)], np.int8)
    return codes[data[0].astype(int) + 128]


def absolute(model, data):
    """ABS."""
    x, y = model.inputs[0].s, model.output.s
    factor = quantize_multiplier(f64(x) / f64(y))
    return table(model, data, abs if x == y else lambda v: mbqm(abs(v), *factor))


def leaky_relu(model, data):
    """LEAKY_RELU: two factors."""
    x, y, alpha = model.inputs[0].s, model.output.s, f32(model.options["alpha"])
    kept, scaled = quantize_multiplier(f64(x) / f64(y)), quantize_multiplier(abs(f64(x) * f64(alpha) / f64(y)))
    sign = -1 if alpha < 0 else 1
    return table(model, data, lambda v: mbqm(v, *kept) if v >= 0 else sign * mbqm(v, *scaled))


def high_mul_i16(a, b):
    """Rounded high half of the doubled product of 16 bits, ties away from zero."""
    return min(divide(a * b + (2**14 if a * b >= 0 else 1 - 2**14), 2**15), 2**15 - 1)


def sat_i16(value):
    """Limited to 16 bits."""
    return clamp(value, -(2**15), 2**15 - 1)


def hard_swish(model, data):
    """HARD_SWISH in 16 bits."""
    fine = f32(1 / 128) * model.inputs[0].s
    (mo, so), (mw, sw) = (quantize_multiplier(f64(fine) / f64(s)) for s in (model.output.s, f32(3 / 32768)))
    mo, mw = (min((m + 2**15) >> 16, 2**15 - 1) for m in (mo, mw))

    def one(v):
        value = 128 * v
        scaled = high_mul_i16(value, mo)
        if sw > 0:
            value = sat_i16(value << (sw - 1))
        value = high_mul_i16(value, mw)
        value = sat_i16(value << 1) if sw > 0 else rdpot(value, -sw)
        return rdpot(divide(((value + 2**15) >> 1) * scaled, 2**15), -so)

    return table(model, data, one)


def inverse_root(v):
    """Multiplier and shift of 1 / sqrt(v)."""
    if v <= 1:
        return INT32_MAX, 0
    pairs = (32 - v.bit_length() - 1) // 2 - 1
    half = rdpot((v << (2 * pairs)) >> 1, 1)
    root = 2**28
    for _ in range(5):
        cube = sat_shl(srdhm(srdhm(root, root), root), 6)
        root = sat_shl(wrap(srdhm(2**28 + 2**27, root) - srdhm(half, cube)), 3)
    root, right = srdhm(root, 1518500250), 11 - pairs
    return (wrap(root << -right), 0) if right < 0 else (root, -right)


def rsqrt(model, data):
    """RSQRT of codes at the zero point and above it."""
    m, s = quantize_multiplier(1 / f64(np.sqrt(model.inputs[0].s) * model.output.s))

    def one(v):
        if v <= 0:
            return 2**20
        root, shift = inverse_root(v)
        return mbqm(mbqm(1, root, shift + 20), m, s - 20)

    return table(model, data, one)


def looked_up(model, data, function):
    """The function in f32, times the reciprocal of the result's scale."""
    x, inverse = model.inputs[0].s, f32(1) / model.output.s
    return table(model, data, lambda v: round_away(f32(function(f32(x * f32(v))) * inverse)))


def elu(v):
    """ELU of an f32."""
    return f32(np.exp(f64(v))) - f32(1) if v < 0 else v


def run(model, data):
    """The output of an int8 model, or None for another operator."""
    match model.operator:
        case "ABS":
            return absolute(model, data)
        case "LEAKY_RELU":
            return leaky_relu(model, data)
        case "HARD_SWISH":
            return hard_swish(model, data)
        case "RSQRT":
            return rsqrt(model, data)
        case "ELU":
            return looked_up(model, data, elu)
    return None
