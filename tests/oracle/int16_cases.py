"""Cases of int16 activations with int8 weights: some int8 cases with finer scales, and what only 64-bit sums can do."""

import numpy as np

import combine_cases
import op_cases
from formulas import mbqm, quantize_multiplier
from formulas_int16 import mbqm_long
from layer_cases import dense_parts, f32, f64, seeded
from tflite_build import Model, Tensor

# Cases about zero points, which are all 0 here, say nothing.
LEFT_OUT = ("zero_points", "exact")
LIMIT = 30
# What the scale of an activation is divided by; biases are multiplied by it.
FINER = 256


def to_int16(tensor, is_bias):
    """An activation, a constant operand or a bias of the int8 case; weights stay."""
    if is_bias:
        return Tensor(data=tensor.data.astype(np.int64) * FINER, scale=tensor.scale / f32(FINER), zero_point=0)
    scale = tensor.scale / f32(FINER)
    if tensor.data is None:
        return Tensor(tensor.shape, np.int16, scale, 0)
    return Tensor(data=tensor.data.astype(np.int16) * FINER + 77, scale=scale, zero_point=0)


def int16s(rng, shape):
    """Uniform int16 values."""
    return rng.integers(-(2**15), 2**15, shape, np.int16)


def vectors_of(rng, model):
    """One random vector and one of edges for each input."""
    edges = np.array([-(2**15), 2**15 - 1, 0, 1, -1], np.int16)
    inputs = model.activations
    return [[int16s(rng, t.shape) for t in inputs], [rng.choice(edges, t.shape) for t in inputs]]


def convert(family, has_weights):
    """Up to LIMIT cases of one operator."""
    rng = seeded(family + "_i16")
    int8 = (op_cases.INT8 | combine_cases.COMBINED)[family]()
    cases = [(name, model) for name, model, _ in int8 if not name.startswith(LEFT_OUT)]
    step = max(1, len(cases) // LIMIT)
    for name, model in cases[::step][:LIMIT]:
        inputs = [to_int16(t, has_weights and index == 2) if index != 1 or not has_weights else t
                  for index, t in enumerate(model.inputs)]  # fmt: skip
        made = Model(model.operator, inputs, to_int16(model.output, False), model.options)
        yield name, made, vectors_of(rng, made)


def deciding_biases(multipliers, is_short):
    """For each channel an accumulator on which the right rounding differs from a wrong one.

    The wrong ones take turns: the other rounding, all bits of the multiplier rounded once, 15 bits truncated.
    """
    right = mbqm if is_short else mbqm_long
    wrong = [
        mbqm_long if is_short else mbqm,
        lambda x, m, s: (x * m + (1 << (30 - s))) >> (31 - s),
        lambda x, m, s: (x * (m >> 16) + (1 << (14 - s))) >> (15 - s),
    ]
    biases = []
    for index, factor in enumerate(multipliers):
        biases.append(0)
        for quantum in range(30_000, 0, -7):
            middle = int((quantum + 0.5) / (factor[0] * 2.0 ** (factor[1] - 31))) * (-1 if index % 2 else 1)
            near = [v for v in range(middle - 64, middle + 65) if right(v, *factor) != wrong[index % 3](v, *factor)]
            if near and abs(near[0]) < 2**31 - 2**24:
                biases[-1] = near[0]
                break
    return np.array(biases, np.int32 if is_short else np.int64)


def one_pixel(rng, operator, per_channel, ratio, bias):
    """A layer whose accumulators are exactly its biases for the input 0; `bias` makes them of the multipliers."""
    x, w, options, shape = dense_parts(rng, operator, per_channel)
    x = Tensor(x.shape, np.int16, x.s / f32(FINER), 0)
    y = Tensor(shape, np.int16, f32(x.s * np.median(w.scale) / ratio), 0)
    scales = np.broadcast_to(w.scale, shape[-1])
    data = bias([quantize_multiplier(f64(x.s) * f64(s) / f64(y.s)) for s in scales])
    model = Model(operator, [x, w, Tensor(data=data, scale=x.s * w.scale, zero_point=0)], y, options)
    return model, [[np.zeros(x.shape, np.int16)], [int16s(rng, x.shape)]]


def ties(rng, operator, is_short):
    """A layer whose factor is 2^-10 and whose accumulators for the input 0 lie halfway between two outputs."""
    x, w, options, shape = dense_parts(rng, operator, 0)
    x, y = (Tensor(extents, np.int16, f32(scale), 0) for extents, scale in ((x.shape, 2.0**-15), (shape, 2.0**-12)))
    w = Tensor(data=w.data, scale=f32(2.0**-7), zero_point=0, axis=w.axis)
    data = (2 * rng.integers(-30_000, 30_000, shape[-1]) + 1) * 2**9
    bias = Tensor(data=data.astype(np.int32 if is_short else np.int64), scale=x.s * w.scale, zero_point=0)
    return Model(operator, [x, w, bias], y, options), [[np.zeros(x.shape, np.int16)]]


def exact_cases(rng, operator):
    """Roundings of both kinds, and biases and sums of more than 32 bits."""
    yield "long_ties", *ties(rng, operator, False)
    if operator != "DEPTHWISE_CONV_2D":
        yield "short_ties", *ties(rng, operator, True)
    for per_channel in (0, 1):
        for name, ratio in (("rounding", 0.011), ("coarse", 1.3e-4), ("fine", 0.7)):
            yield f"long_{name}_{per_channel}", *one_pixel(rng, operator, per_channel, ratio,
                                                           lambda m: deciding_biases(m, False))  # fmt: skip
            # DEPTHWISE_CONV_2D of the oracle reads biases of 32 bits as if they had 64.
            if operator != "DEPTHWISE_CONV_2D":
                yield f"short_{name}_{per_channel}", *one_pixel(rng, operator, per_channel, ratio,
                                                                lambda m: deciding_biases(m, True))  # fmt: skip
        yield f"wide_bias_{per_channel}", *one_pixel(
            rng, operator, per_channel, 2.0**-27, lambda m: rng.integers(-(2**41), 2**41, len(m), np.int64))  # fmt: skip


def layers(family):
    """CONV_2D or DEPTHWISE_CONV_2D."""
    yield from convert(family, True)
    yield from exact_cases(seeded(family + "_i16_exact"), family.upper())


def fully_connected():
    """FULLY_CONNECTED."""
    yield from layers("fully_connected")
    # 700 products of 2^22 need 33 bits.
    x = Tensor((1, 700), np.int16, f32(1e-4), 0)
    data = np.stack([np.full(700, -128), np.full(700, 127), np.resize([-128, 127, 3], 700)]).astype(np.int8)
    w = Tensor(data=data, scale=f32(0.01), zero_point=0)
    model = Model("FULLY_CONNECTED", [x, w], Tensor((1, 3), np.int16, f32(0.11), 0), {})
    rng = seeded("FULLY_CONNECTED_deep")
    yield "deep_extremes", model, [[np.full((1, 700), value, np.int16)] for value in (-(2**15), 2**15 - 1)]
    yield "deep_random", model, [[int16s(rng, (1, 700))]]


def add():
    """ADD. An output scale that fits int8 sums is too fine for the shift of 15 of int16: real factors must stay below 1."""
    for name, model, vectors in convert("add", False):
        a, b = model.inputs
        if 2 * f64(max(a.s, b.s)) / (2**15 * f64(model.output.s)) < 1:
            yield name, model, vectors


def sub():
    """SUB, with scales as for ADD."""
    for name, model, vectors in convert("sub", False):
        a, b = model.inputs
        if 2 * f32(max(a.s, b.s)) / f32(f32(2**15) * f32(model.output.s)) < 1:
            yield name, model, vectors


def pads():
    """PAD."""
    rng = seeded("PAD_i16")
    for index, (shape, amounts) in enumerate(op_cases.PADDINGS):
        inputs = [Tensor(shape, np.int16, f32(0.01), 0), Tensor(data=np.array(amounts, np.int32))]
        y = Tensor([e + sum(a) for e, a in zip(shape, amounts)], np.int16, f32(0.01), 0)
        yield f"pad_{index}", Model("PAD", inputs, y), [[int16s(rng, shape)]]


def transpose_conv():
    """TRANSPOSE_CONV; a bias of 32 bits is left out, which the oracle reads as if it had 64."""
    rng = seeded("TRANSPOSE_CONV_i16")
    cases = [(name, model) for name, model, _ in op_cases.INT8["transpose_conv"]() if not name.startswith(LEFT_OUT)]
    for name, model in cases[:: max(1, len(cases) // LIMIT)][:LIMIT]:
        shape, w, x, *bias = model.inputs
        inputs = [shape, w, to_int16(x, False), *(to_int16(b, True) for b in bias)]
        made = Model(model.operator, inputs, to_int16(model.output, False), model.options)
        yield name, made, [[int16s(rng, x.shape)]]


def quantize():
    """QUANTIZE between int16, int8 and floats: factors of many sizes, and reals beside every kind of boundary."""
    rng = seeded("QUANTIZE_i16")
    kinds = {"i16": np.int16, "i8": np.int8}
    for source, target in (("i16", "i16"), ("i16", "i8"), ("i8", "i16")):
        for index, factor in enumerate((1.0, 0.5, 2.0, 0.9137, 1 / 256, 256.0, 3e-5, 1.7, 1 - 2**-24)):
            zeros = [int(rng.integers(-128, 128)) if kind == "i8" else 0 for kind in (source, target)]
            x = Tensor((1, 300), kinds[source], f32(0.01), zeros[0])
            y = Tensor((1, 300), kinds[target], f32(f32(0.01) / f32(factor)), zeros[1])
            info = np.iinfo(kinds[source])
            values = rng.integers(info.min, info.max + 1, (1, 300)).astype(kinds[source])
            values[0, :5] = [info.min, info.max, 0, 1, -1]
            yield f"{source}_{target}_{index}", Model("QUANTIZE", [x], y), [[values]]
    for scale in (1.0, 0.5, 0.1, 1 / 32768, 0.00235):
        y = Tensor((1, 600), np.int16, f32(scale), 0)
        middles = ((rng.integers(-(2**15), 2**15, 200) + 0.5) * f64(y.s)).astype(f32)
        values = np.concatenate([middles, np.nextafter(middles, f32(-1e9)), np.nextafter(middles, f32(1e9))])
        values[:4] = [1e6 * scale, -1e6 * scale, 0.0, -0.0]
        model = Model("QUANTIZE", [Tensor((1, 600), np.float32)], y)
        yield f"float_{scale:.7}", model, [[values.reshape(1, 600).astype(f32)]]


def dequantize():
    """DEQUANTIZE."""
    for scale in (1.0, 0.1, 1 / 32768, 0.0235, 1e-30, 3e30):
        x = Tensor((1, 512), np.int16, f32(scale), 0)
        vector = [np.arange(-(2**15), 2**15, 128).astype(np.int16).reshape(1, 512) + np.int16(77)]
        yield f"scale_{scale:.7}", Model("DEQUANTIZE", [x], Tensor((1, 512), np.float32)), [vector]


INT16 = {
    "average_pool_2d_i16": lambda: convert("average_pool_2d", False),
    "max_pool_2d_i16": lambda: convert("max_pool_2d", False),
    "pad_i16": pads,
    "transpose_conv_i16": transpose_conv,
    "quantize_i16": quantize,
    "dequantize_i16": dequantize,
    "conv_2d_i16": lambda: layers("conv_2d"),
    "depthwise_conv_2d_i16": lambda: layers("depthwise_conv_2d"),
    "fully_connected_i16": fully_connected,
    "add_i16": add,
    "sub_i16": sub,
    "mul_i16": lambda: convert("mul", False),
    "maximum_i16": lambda: convert("maximum", False),
    "minimum_i16": lambda: convert("minimum", False),
    "squared_difference_i16": lambda: convert("squared_difference", False),
}
