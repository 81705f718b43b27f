"""Cases of int8 activations with weights of four bits: some int8 cases whose weights are narrowed."""

import numpy as np

import op_cases
from layer_cases import seeded
from tflite_build import Model, Tensor

# Their accumulators must stay small, for which weights of four bits are too large.
LEFT_OUT = ("left_shift",)
# All that four bits hold.
LOWEST, HIGHEST = -8, 7
LIMIT = 40


def narrowed(rng, w):
    """The weights with other values, the lowest and the highest among them; scales are larger by as much."""
    data = rng.integers(LOWEST, HIGHEST + 1, w.shape).astype(np.int8)
    data.flat[0] = LOWEST
    data.flat[-1] = HIGHEST
    return Tensor(data=data, scale=w.scale * np.float32(16), zero_point=w.zero_point, axis=w.axis, is_int4=True)


def convert(family):
    """Up to LIMIT cases of one operator."""
    rng = seeded(family + "_i4")
    cases = [case for case in op_cases.INT8[family]() if not case[0].startswith(LEFT_OUT)]
    if family == "fully_connected":
        # The oracle takes no INT4 with a scale for each channel here.
        cases = [case for case in cases if len(case[1].inputs[1].scale) == 1]
    step = max(1, len(cases) // LIMIT)
    for name, model, vectors in cases[::step][:LIMIT]:
        x, w, *bias = model.inputs
        narrow = narrowed(rng, w)
        # The bias is in the unit of the products, and as large beside them as it was.
        biases = [Tensor(data=b.data // 16, scale=x.s * narrow.scale, zero_point=b.zero_point) for b in bias]
        yield name, Model(model.operator, [x, narrow, *biases], model.output, model.options), vectors


INT4 = {
    "conv_2d_i4": lambda: convert("conv_2d"),
    "fully_connected_i4": lambda: convert("fully_connected"),
}
