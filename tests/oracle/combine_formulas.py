"""What the oracle's kernels compute of two operands, element by element; see `formulas.py`."""

import numpy as np

import formulas
import formulas_int16
from formulas import act_range, clamp, mbqm, quantize_multiplier, recip_one_plus, srdhm, wrap
from tflite_build import NONE

f32, f64 = np.float32, np.float64

COMPARE = {
    "EQUAL": lambda p, q: p == q,
    "NOT_EQUAL": lambda p, q: p != q,
    "LESS": lambda p, q: p < q,
    "LESS_EQUAL": lambda p, q: p <= q,
    "GREATER": lambda p, q: p > q,
    "GREATER_EQUAL": lambda p, q: p >= q,
}


def sign_bits(value):
    """Copies of the sign bit behind it."""
    return 31 - (value if value >= 0 else ~value).bit_length()


def quotient(p, q, m, s):
    """p / q times a factor, by a reciprocal of 31 bits."""
    if q < 0:
        p, q = -p, -q
    zeros = 32 - q.bit_length()
    inverse = recip_one_plus(wrap((q << zeros) - 2**31))
    signs = sign_bits(p)
    raw = srdhm(wrap(p << signs), inverse)
    shift = s - (31 - zeros) - signs
    return 0 if shift < -31 else mbqm(raw, m, shift)


def of_two(model):
    """The function of two codes."""
    a, b, y = model.inputs[0], model.inputs[1], model.output
    operator, qm = model.operator, quantize_multiplier
    if operator in ("MAXIMUM", "MINIMUM"):
        return max if operator == "MAXIMUM" else min
    if operator in COMPARE:
        first, second = qm(f64(a.s)), qm(f64(b.s))
        return lambda p, q: COMPARE[operator](mbqm((p - a.z) << 8, *first), mbqm((q - b.z) << 8, *second))
    is_wide = y.dtype == np.int16
    ranges = formulas_int16.act_range if is_wide else act_range
    low, high = ranges(model.options.get("fusedActivationFunction", NONE), y)
    if operator == "MUL":
        factor = qm(f64(a.s) * f64(b.s) / f64(y.s))
        return lambda p, q: clamp(mbqm((p - a.z) * (q - b.z), *factor) + y.z, low, high)
    if operator == "PRELU":
        positive, negative = qm(f64(a.s) / f64(y.s)), qm(f64(a.s) * f64(b.s) / f64(y.s))
        return lambda p, q: clamp(
            (mbqm(p - a.z, *positive) if p >= a.z else mbqm((p - a.z) * (q - b.z), *negative)) + y.z, low, high
        )
    if operator == "DIV":
        factor = qm(f64(f32(a.s) / f32(f32(b.s) * f32(y.s))))
        return lambda p, q: clamp(quotient(p - a.z, q - b.z, *factor) + y.z, low, high)
    larger = max(f32(a.s), f32(b.s))
    if operator == "SUB":
        twice, shift = f32(2) * larger, 15 if is_wide else 20
        factors = [f32(a.s) / twice, f32(b.s) / twice, twice / f32(f32(2**shift) * f32(y.s))]
    else:
        twice, shift = 2 * f64(larger), 0 if is_wide else 7
        factors = [f64(a.s) / twice, f64(b.s) / twice, twice * twice / f64(f32(2 ** (2 * shift)) * f32(y.s))]
    first, second, last = (qm(f64(factor)) for factor in factors)

    def one(p, q):
        difference = mbqm((p - a.z) << shift, *first) - mbqm((q - b.z) << shift, *second)
        value = difference if operator == "SUB" else difference * difference
        return clamp(mbqm(value, *last) + y.z, low, high)

    return one


def combine(model, data):
    """A function of two operands with broadcasting."""
    given = iter(data)
    operands = [tensor.data if tensor.data is not None else next(given) for tensor in model.inputs]
    function = of_two(model)
    pairs = zip(*(operand.ravel() for operand in np.broadcast_arrays(*operands)))
    kind = np.bool_ if model.operator in COMPARE else model.output.dtype
    return np.array([function(int(p), int(q)) for p, q in pairs], kind).reshape(model.output.shape)


def run(model, data):
    """The output of a model of one of these operators, or of another int8 one."""
    known = ("SUB", "DIV", "PRELU", "SQUARED_DIFFERENCE", "MAXIMUM", "MINIMUM", *COMPARE)
    return combine(model, data) if model.operator in known else formulas.run(model, data)


def run_i16(model, data):
    """The same for int16."""
    known = ("SUB", "MUL", "SQUARED_DIFFERENCE", "MAXIMUM", "MINIMUM")
    return combine(model, data) if model.operator in known else formulas_int16.run(model, data)
