"""Cases of TRANSPOSE_CONV, int8."""

import math

import numpy as np

from layer_cases import (
    ODD_CHANNELS,
    REAL_MULTIPLIERS,
    activation_tensor,
    bias_of,
    output_scale,
    seeded,
    two_vectors,
    weights_of,
)
from tflite_build import NONE, RELU, RELU6, SAME, VALID, Model, Tensor


def transpose_conv_case(rng, kind, fixed=None):
    """One TRANSPOSE_CONV with random geometry; `fixed` overrides choices by name."""
    fixed = fixed or {}

    def pick(name, choices):
        return fixed[name] if name in fixed else int(rng.choice(choices))

    height, width = pick("h", range(1, 6)), pick("w", range(1, 6))
    kernel = pick("kh", range(1, 6)), pick("kw", range(1, 6))
    stride = pick("sh", [1, 2, 2, 3]), pick("sw", [1, 2, 2, 3])
    padding = pick("padding", [SAME, VALID])
    # A convolution of the output with the same parameters must have the input's extent: any of these has.
    extents = []
    for size, taps, step in zip((height, width), kernel, stride):
        most = size * step if padding == SAME else (size - 1) * step + taps + step - 1
        extents.append(most - pick("less", range(step)) if most - step + 1 > 0 else most)
    depth, channels = pick("ic", ODD_CHANNELS[:9]), pick("oc", ODD_CHANNELS[:9])
    x = activation_tensor(rng, (pick("n", [1, 1, 1, 2]), height, width, depth), zero_point=fixed.get("zx"))
    w = weights_of(rng, (channels, *kernel, depth), 0, pick("per_channel", [0, 1, 1]) and channels > 1, kind)
    terms = max(1, math.prod(kernel) // math.prod(stride)) * depth
    spread = 75.0 * np.abs(w.data).mean() * 1.15 * math.sqrt(terms)
    y_scale = output_scale(kind, x.s * np.median(w.scale), spread)
    y = activation_tensor(rng, (x.shape[0], *extents, channels), y_scale, fixed.get("zy"))
    inputs = [Tensor(data=np.array(y.shape, np.int32)), w, x]
    if pick("bias", [1, 1, 1, 0]):
        inputs.append(bias_of(rng, x, w, channels, spread))
    options = {
        "padding": padding,
        "strideH": stride[0],
        "strideW": stride[1],
        "fusedActivationFunction": pick("activation", [NONE, NONE, RELU, RELU6]),
    }
    return Model("TRANSPOSE_CONV", inputs, y, options), two_vectors(rng, [x])


CORNERS = {
    "zero_points_low": {"zx": -128, "zy": -128, "kh": 3, "kw": 3},
    "zero_points_high": {"zx": 127, "zy": 127, "kh": 3, "kw": 3},
    "doubling_3x3_same": {"kh": 3, "kw": 3, "sh": 2, "sw": 2, "padding": SAME, "less": 0, "h": 4, "w": 5},
    "doubling_3x3_same_odd": {"kh": 3, "kw": 3, "sh": 2, "sw": 2, "padding": SAME, "less": 1, "h": 4, "w": 5},
    "doubling_2x2_valid": {"kh": 2, "kw": 2, "sh": 2, "sw": 2, "padding": VALID, "less": 1, "h": 4, "w": 5},
    "doubling_4x4_same": {"kh": 4, "kw": 4, "sh": 2, "sw": 2, "padding": SAME, "less": 0, "h": 4, "w": 5},
    "stride_1": {"kh": 3, "kw": 3, "sh": 1, "sw": 1, "padding": SAME},
    "stride_beyond_window": {"kh": 1, "kw": 2, "sh": 3, "sw": 3, "padding": VALID},
    "strides_differ": {"kh": 4, "kw": 3, "sh": 1, "sw": 3},
    "overhang": {"kh": 3, "kw": 3, "sh": 3, "sw": 3, "padding": VALID, "less": 0},
    "row": {"h": 1, "kh": 1, "sh": 1, "kw": 4, "sw": 2},
    "one_pixel": {"h": 1, "w": 1, "kh": 5, "kw": 5},
    "pointwise": {"kh": 1, "kw": 1, "sh": 1, "sw": 1},
    "batch": {"n": 3},
    "no_bias": {"bias": 0},
    "per_tensor": {"per_channel": 0},
    "depth_33": {"ic": 33, "oc": 2, "kh": 2, "kw": 2},
}


def transpose_conv():
    """TRANSPOSE_CONV."""
    rng = seeded("TRANSPOSE_CONV")
    for name, fixed in CORNERS.items():
        yield name, *transpose_conv_case(rng, "spread", fixed)
    for kind in REAL_MULTIPLIERS:
        for activation in (NONE, RELU, RELU6):
            if activation == NONE or kind in ("spread", "saturating"):
                fixed = {"activation": activation, "per_channel": int(activation == NONE)}
                yield f"{kind}_{activation}", *transpose_conv_case(rng, kind, fixed)
    for index in range(18):
        yield f"random_{index}", *transpose_conv_case(rng, "spread")
