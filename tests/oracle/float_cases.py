"""float32 versions of some int8 cases: the same geometry with constants dequantized and normally distributed inputs."""

import numpy as np

import combine_cases
import function_cases
import matrix_cases
import op_cases
from layer_cases import seeded
from tflite_build import Model, Tensor

# Names whose point is the requantization say nothing about float arithmetic.
INTEGER_ONLY = ("saturating", "shift", "left", "tiny", "flushed", "last_bit", "scale", "one_", "zero_points", "per_tensor", "exact", "tie", "quarter")
LIMIT = 10


def to_float(tensor):
    """The tensor without quantization; int32 operands that are not biases (axes, paddings, shapes) stay."""
    if tensor.scale is None and tensor.data is not None:
        return tensor
    if tensor.data is None:
        return Tensor(tensor.shape, np.float32)
    scale = tensor.scale
    if len(scale) > 1 and tensor.data.ndim > 1:
        scale = scale.reshape([-1 if axis == tensor.axis else 1 for axis in range(tensor.data.ndim)])
    return Tensor(data=(tensor.data * scale).astype(np.float32))


def convert(family):
    """Up to LIMIT cases of one operator."""
    rng = seeded(family + "_f32")
    chosen = []
    for name, model, vectors in {**op_cases.INT8, **matrix_cases.MATRIX, **combine_cases.COMBINED}[family]():
        if not name.startswith(INTEGER_ONLY):
            chosen.append((name, model))
    step = max(1, len(chosen) // LIMIT)
    for name, model in chosen[::step][:LIMIT]:
        made = Model(model.operator, [to_float(t) for t in model.inputs], to_float(model.output), model.options)
        vector = [rng.normal(0, 2, tensor.shape).astype(np.float32) for tensor in made.activations]
        yield name, made, [vector]


def squash(operator):
    """LOGISTIC, TANH, RELU, RELU6 on a grid that reaches both ends."""
    grid = np.concatenate([np.linspace(-30, 30, 121), [-100, 100, -1e-6, 1e-6, 0, 6, -0.0]]).astype(np.float32).reshape(1, -1)
    tensor = Tensor(grid.shape, np.float32)
    yield "grid", Model(operator, [tensor], tensor), [[grid]]


def softmax():
    """SOFTMAX, with large logits and with a beta."""
    rng = seeded("softmax_f32")
    for shape, spread, beta in [((1, 10), 1, 1.0), ((3, 7), 5, 1.0), ((1, 2, 3, 4), 40, 1.0), ((2, 12), 3, 0.5), ((1, 1), 1, 1.0)]:
        tensor = Tensor(shape, np.float32)
        vector = [rng.normal(0, spread, shape).astype(np.float32)]
        yield f"rank_{len(shape)}_last_{shape[-1]}", Model("SOFTMAX", [tensor], tensor, {"beta": beta}), [vector]


CONVERTED = ["conv_2d", "depthwise_conv_2d", "transpose_conv", "fully_connected", "average_pool_2d", "max_pool_2d", "add", "mul", "mean", "reduce_max"]
CONVERTED += ["pad", "padv2", "concatenation", "reshape", "sum", "reduce_min", "mean_any_axes", "batch_matmul"]
CONVERTED += ["sub", "div", "prelu", "squared_difference", "maximum", "minimum"]

FLOAT32 = {
    **{family: (lambda family=family: convert(family)) for family in CONVERTED},
    **{family: (lambda family=family: squash(family.upper())) for family in ("logistic", "tanh", "relu", "relu6")},
    "softmax": softmax,
    **function_cases.FLOAT32,
}
