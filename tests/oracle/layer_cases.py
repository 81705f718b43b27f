"""Cases of the operators with weights: CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED; and the parts all cases share."""

import math
import zlib

import numpy as np

from formulas import mbqm, padding, quantize_multiplier, srdhm
from tflite_build import NONE, RELU, RELU6, SAME, VALID, Model, Tensor

f32, f64 = np.float32, np.float64
ZERO_POINTS = [-128, -127, -5, 0, 3, 77, 127]
ODD_CHANNELS = [1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17]


def seeded(name):
    """The generator of one operator."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def int8s(rng, shape):
    """Uniform int8 values."""
    return rng.integers(-128, 128, shape, np.int8)


def edge_vector(rng, tensor):
    """Values at the ends of the range and at the zero point only."""
    return rng.choice(np.array([-128, 127, tensor.z], np.int8), tensor.shape)


def scale_of(rng, low=1e-3, high=0.2):
    """A scale, uniform on the logarithm."""
    return f32(math.exp(rng.uniform(math.log(low), math.log(high))))


def activation_tensor(rng, shape, scale=None, zero_point=None):
    """An int8 activation with random parameters where none are given."""
    scale = scale_of(rng) if scale is None else scale
    zero_point = rng.choice(ZERO_POINTS) if zero_point is None else zero_point
    return Tensor(tuple(shape), np.int8, scale, zero_point)


def all_bytes(rng, shape):
    """All 256 values in random order, repeated to fill `shape`; smaller shapes get a random part."""
    count = math.prod(shape)
    return np.resize(rng.permutation(np.arange(-128, 128)), count).astype(np.int8).reshape(shape)


def two_vectors(rng, inputs):
    """One random vector and one of edges."""
    return [[int8s(rng, t.shape) for t in inputs], [edge_vector(rng, t) for t in inputs]]


# Accumulator scale over output scale, by name: what the requantization has to do.
REAL_MULTIPLIERS = {
    "spread": None,  # outputs fill the range
    "saturating": 40.0,  # relative to `spread`
    "shift_zero": 0.7,
    "one": 1.0,
    "left_shift": 6.3,
    "left_shift_10": 700.0,
    "tiny": 3e-8,
    "last_bit": 2.0**-32 * 1.5,  # shift -31, the last before flushing to zero
    "flushed": 1e-10,
}


def output_scale(kind, accumulator_scale, spread):
    """The output scale that makes the real multiplier of `kind`; `spread` is the accumulator's deviation."""
    value = REAL_MULTIPLIERS[kind]
    if kind in ("spread", "saturating"):
        return f32(accumulator_scale * spread / 50 / (value or 1))
    return f32(accumulator_scale / value)


def small_weights(kind):
    """Whether the accumulator must stay small so that the left shift of `kind` cannot overflow."""
    return kind.startswith("left_shift")


def weights_of(rng, shape, axis, per_channel, kind):
    """Filter values with symmetric parameters."""
    limit = 3 if small_weights(kind) else 127
    channels = shape[axis]
    base = scale_of(rng, 1e-3, 0.05)
    scale = base * np.exp(rng.uniform(-1.5, 1.5, channels)).astype(f32) if per_channel else base
    zeros = np.zeros(channels if per_channel else 1, np.int64)
    data = rng.integers(-limit, limit + 1, shape).astype(np.int8)
    return Tensor(data=data, scale=scale, zero_point=zeros, axis=axis)


def bias_of(rng, x, w, channels, spread):
    """An int32 bias of about the accumulator's own deviation, with its derived scale."""
    data = np.round(rng.normal(0, spread, channels)).astype(np.int32)
    return Tensor(data=data, scale=x.s * w.scale, zero_point=np.zeros(len(w.scale), np.int64))


def conv_case(rng, depthwise, kind, fixed=None):
    """One CONV_2D or DEPTHWISE_CONV_2D with random geometry; `fixed` overrides choices by name."""
    fixed = fixed or {}

    def pick(name, choices):
        return fixed[name] if name in fixed else int(rng.choice(choices))

    while True:
        height, width = pick("h", range(1, 8)), pick("w", range(1, 8))
        kernel = pick("kh", range(1, 5)), pick("kw", range(1, 5))
        stride = pick("sh", [1, 1, 2, 3]), pick("sw", [1, 1, 2, 3])
        dilation = pick("dh", [1, 1, 1, 2, 3]), pick("dw", [1, 1, 1, 2, 3])
        kind_of_padding = pick("padding", [SAME, VALID])
        oh, _ = padding(kind_of_padding, height, kernel[0], stride[0], dilation[0])
        ow, _ = padding(kind_of_padding, width, kernel[1], stride[1], dilation[1])
        if oh > 0 and ow > 0:
            break
    groups = pick("groups", [1] if depthwise else [1, 1, 1, 1, 2, 3])
    depth = pick("ic", ODD_CHANNELS[:9]) * groups
    multiplier = pick("multiplier", [1, 1, 1, 2, 3, 4])
    channels = depth * multiplier if depthwise else pick("oc", ODD_CHANNELS[:9]) * groups
    shape = (1, *kernel, channels) if depthwise else (channels, *kernel, depth // groups)
    axis = 3 if depthwise else 0

    x = activation_tensor(rng, (pick("n", [1, 1, 1, 2]), height, width, depth), zero_point=fixed.get("zx"))
    per_channel = pick("per_channel", [0, 1, 1]) and channels > 1
    w = weights_of(rng, shape, axis, per_channel, kind)
    terms = math.prod(shape) // channels
    spread = 75.0 * np.abs(w.data).mean() * 1.15 * math.sqrt(terms)
    inputs = [x, w]
    if pick("bias", [1, 1, 1, 0]) or depthwise:
        inputs.append(bias_of(rng, x, w, channels, spread))
    y_scale = output_scale(kind, x.s * np.median(w.scale), spread)
    y = activation_tensor(rng, (x.shape[0], oh, ow, channels), y_scale, fixed.get("zy"))
    options = {
        "padding": kind_of_padding,
        "strideH": stride[0],
        "strideW": stride[1],
        "dilationHFactor": dilation[0],
        "dilationWFactor": dilation[1],
        "fusedActivationFunction": pick("activation", [NONE, NONE, RELU, RELU6]),
    }
    if depthwise:
        options["depthMultiplier"] = multiplier
    model = Model("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", inputs, y, options)
    return model, two_vectors(rng, [x])


CONV_CORNERS = {
    "zero_points_low": {"zx": -128, "zy": -128, "padding": SAME, "kh": 3, "kw": 3},
    "zero_points_high": {"zx": 127, "zy": 127, "padding": SAME, "kh": 3, "kw": 3},
    "pointwise": {"kh": 1, "kw": 1, "sh": 1, "sw": 1, "groups": 1, "h": 5, "w": 5},
    "pointwise_stride": {"kh": 1, "kw": 1, "sh": 2, "sw": 2, "dh": 1, "dw": 1, "h": 5, "w": 5, "groups": 1},
    "one_pixel_same": {"h": 1, "w": 1, "kh": 3, "kw": 3, "padding": SAME},
    "window_larger_than_image": {"h": 2, "w": 3, "kh": 4, "kw": 4, "padding": SAME, "dh": 1, "dw": 1},
    "row_kernel": {"kh": 1, "kw": 4, "h": 3, "w": 7, "dh": 1, "dw": 1},
    "column_kernel": {"kh": 4, "kw": 1, "h": 7, "w": 3, "dh": 1, "dw": 1},
    "whole_image_valid": {"h": 4, "w": 4, "kh": 4, "kw": 4, "padding": VALID, "dh": 1, "dw": 1},
    "dilated_same": {"h": 7, "w": 7, "kh": 3, "kw": 3, "dh": 2, "dw": 3, "sh": 1, "sw": 1, "padding": SAME},
    "strided_same_even": {"h": 6, "w": 6, "kh": 3, "kw": 3, "sh": 2, "sw": 2, "dh": 1, "dw": 1, "padding": SAME},
    "strided_same_odd": {"h": 7, "w": 5, "kh": 3, "kw": 3, "sh": 2, "sw": 2, "dh": 1, "dw": 1, "padding": SAME},
    "strides_differ": {"h": 7, "w": 7, "kh": 3, "kw": 2, "sh": 1, "sw": 3, "dh": 1, "dw": 1, "padding": SAME},
    "batch": {"n": 3, "h": 4, "w": 3, "kh": 2, "kw": 2, "padding": VALID, "dh": 1, "dw": 1},
    "per_tensor": {"per_channel": 0},
}


def conv_corners(depthwise):
    """The named corners that fit the operator."""
    corners = dict(CONV_CORNERS)
    if depthwise:
        for multiplier in (1, 2, 3, 8):
            corners[f"multiplier_{multiplier}"] = {"multiplier": multiplier, "ic": 3, "kh": 3, "kw": 3}
        corners["one_channel_multiplier_8"] = {"multiplier": 8, "ic": 1, "kh": 3, "kw": 3, "h": 5, "w": 5}
        for channels in (1, 4, 7, 16, 17):
            corners[f"channels_{channels}"] = {"multiplier": 1, "ic": channels, "kh": 3, "kw": 3}
    else:
        corners["groups_are_depthwise"] = {"groups": 5, "ic": 1, "oc": 1}
        corners["grouped"] = {"groups": 2, "ic": 4, "oc": 3}
        corners["no_bias"] = {"bias": 0}
        for depth in (1, 3, 4, 15, 33):
            corners[f"depth_{depth}"] = {"groups": 1, "ic": depth, "kh": 2, "kw": 2, "h": 3, "w": 3}
    return corners


def single_rounding(x, m, s):
    """What a kernel with one rounding computes instead of `mbqm`."""
    return (x * m + (1 << (30 - s))) >> (31 - s)


def ties_up(x, m, s):
    """What `mbqm` would be if its last division rounded ties up."""
    return (srdhm(x, m) + (1 << -s >> 1)) >> -s


def deciding_biases(multipliers, others):
    """For each channel an accumulator on which `mbqm` with its multiplier differs from one wrong way of computing it.

    The wrong ways take turns: one rounding, ties up, and the multiplier of `others` (scales multiplied in another type).
    """
    biases = []
    for index, (mine, other) in enumerate(zip(multipliers, others)):
        wrong = [lambda v: single_rounding(v, *mine), lambda v: ties_up(v, *mine), lambda v: mbqm(v, *other)][index % 3]
        biases.append(0)
        for quantum in range(100, 0, -1):
            middle = int((quantum + 0.5) / (mine[0] * 2.0 ** (mine[1] - 31))) * (-1 if index % 2 else 1)
            near = [v for v in range(middle - 64, middle + 65) if mbqm(v, *mine) != wrong(v)]
            if near and abs(near[0]) < 2**31 - 2**20:
                biases[-1] = near[0]
                break
    return np.array(biases, np.int32)


def dense_parts(rng, operator, per_channel, channels=48, depth=4):
    """Input, filter and options of a one-pixel layer of the given operator."""
    fully = operator == "FULLY_CONNECTED"
    x = activation_tensor(rng, (1, depth) if fully else (1, 1, 1, depth), f32(0.0317), 3)
    shape, axis = {
        "FULLY_CONNECTED": ((channels, depth), 0),
        "CONV_2D": ((channels, 1, 1, depth), 0),
        "DEPTHWISE_CONV_2D": ((1, 1, 1, channels), 3),
    }[operator]
    w = weights_of(rng, shape, axis, per_channel, "spread")
    options = {}
    if not fully:
        options = {"padding": VALID, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    if operator == "DEPTHWISE_CONV_2D":
        options["depthMultiplier"] = channels // depth
    return x, w, options, (1, channels) if fully else (1, 1, 1, channels)


def exact_case(rng, operator, per_channel, ratio):
    """A layer whose accumulators are known: one vector of inputs at the zero point leaves exactly the biases.

    With `ratio` (accumulator scale over output scale) large enough the biases are where wrong roundings show; else
    they are the largest there are, where a multiplier of the last shift still gives one and a flushed one nothing.
    """
    x, w, options, shape = dense_parts(rng, operator, per_channel)
    channels = shape[-1]
    y_scale = f32(x.s * np.median(w.scale) / ratio)
    scales = np.broadcast_to(w.scale, channels)
    if ratio > 1e-8:
        wide = [quantize_multiplier(f64(x.s) * f64(s) / f64(y_scale)) for s in scales]
        narrow = [quantize_multiplier(f64(f32(x.s * s)) / f64(y_scale)) for s in scales]
        data = deciding_biases(wide, narrow)
    else:
        data = np.where(np.arange(channels) % 2, -(2**31) + 2**20, 2**31 - 2**20).astype(np.int32)
    bias = Tensor(data=data, scale=x.s * w.scale, zero_point=np.zeros(len(w.scale), np.int64))
    model = Model(operator, [x, w, bias], Tensor(shape, np.int8, y_scale, 0), options)
    return model, [[np.full(x.shape, x.z, np.int8)], [int8s(rng, x.shape)]]


def exact_cases(rng, operator):
    """The exact cases of one operator, per tensor and per channel."""
    for per_channel in (0, 1):
        for name, ratio in (("product", 7e-8), ("rounding", 0.011), ("last", 2.0**-32 * 1.7), ("below", 2.0**-33 * 1.7)):
            yield f"exact_{name}_{per_channel}", *exact_case(rng, operator, per_channel, ratio)


def convolutions(depthwise):
    """CONV_2D or DEPTHWISE_CONV_2D."""
    operator = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    rng = seeded(operator)
    for name, fixed in conv_corners(depthwise).items():
        yield name, *conv_case(rng, depthwise, "spread", fixed)
    for kind in REAL_MULTIPLIERS:
        for activation in (NONE, RELU, RELU6):
            if activation == NONE or kind in ("spread", "saturating"):
                fixed = {"activation": activation, "per_channel": int(activation == NONE)}
                yield f"{kind}_{activation}", *conv_case(rng, depthwise, kind, fixed)
    yield from exact_cases(rng, operator)
    for index in range(40):
        yield f"random_{index}", *conv_case(rng, depthwise, "spread")


def fully_connected_case(rng, kind, depth=None, channels=None, batch=None, per_channel=None, activation=None, shape=None):
    """One FULLY_CONNECTED; `shape` is the input's when it is not [batch, depth]."""
    depth = depth or int(rng.choice([1, 2, 3, 5, 8, 13, 16, 31, 32, 33, 64]))
    channels = channels or int(rng.choice(ODD_CHANNELS))
    batch = batch or int(rng.choice([1, 1, 1, 2, 5]))
    shape = shape or (batch, depth)
    per_channel = int(rng.choice([0, 1])) if per_channel is None else per_channel
    x = activation_tensor(rng, shape)
    w = weights_of(rng, (channels, depth), 0, per_channel and channels > 1, kind)
    spread = 75.0 * np.abs(w.data).mean() * 1.15 * math.sqrt(depth) + 1
    inputs = [x, w]
    if rng.random() < 0.8:
        inputs.append(bias_of(rng, x, w, channels, spread))
    y_scale = output_scale(kind, x.s * np.median(w.scale), spread)
    y = activation_tensor(rng, (math.prod(shape) // depth, channels), y_scale)
    activation = int(rng.choice([NONE, RELU, RELU6])) if activation is None else activation
    return Model("FULLY_CONNECTED", inputs, y, {"fusedActivationFunction": activation}), two_vectors(rng, [x])


def fully_connected():
    """FULLY_CONNECTED."""
    rng = seeded("FULLY_CONNECTED")
    for kind in REAL_MULTIPLIERS:
        for per_channel in (0, 1):
            yield f"{kind}_{per_channel}", *fully_connected_case(rng, kind, per_channel=per_channel, activation=NONE)
    yield from exact_cases(rng, "FULLY_CONNECTED")
    yield "one_by_one", *fully_connected_case(rng, "spread", depth=1, channels=1, batch=1)
    yield "flattens_image", *fully_connected_case(rng, "spread", depth=24, channels=5, shape=(1, 2, 3, 4))
    yield "flattens_batch_of_images", *fully_connected_case(rng, "spread", depth=12, channels=3, shape=(2, 2, 2, 3))
    yield "deep", *fully_connected_case(rng, "spread", depth=400, channels=3, batch=1)
    for index in range(50):
        yield f"random_{index}", *fully_connected_case(rng, "spread")
