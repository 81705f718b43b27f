"""Cases of functions of one element: every int8 value under many pairs of parameters, and floats over a grid."""

import numpy as np

from layer_cases import f32, seeded
from tflite_build import Model, Tensor

# Steps of the operand and of the result for each function: usual ones, and those that saturate or lose everything.
SCALES = {
    "LEAKY_RELU": [(0.05, 0.05), (0.05, 0.031), (0.031, 0.05), (0.1, 0.004), (1e-3, 1.0), (1.0, 1e-3)],
    "HARD_SWISH": [(0.05, 0.05), (0.05, 0.031), (0.031, 0.05), (0.1, 0.1), (0.0235, 0.0118), (0.5, 0.25), (2.0, 1.5), (0.003, 0.002), (0.01, 1.0)],
    "ELU": [(0.05, 0.05), (0.05, 0.031), (0.0118, 0.0078), (0.1, 0.02), (0.5, 0.25), (1e-3, 1.0)],
    "ABS": [(0.05, 0.05), (0.05, 0.025), (0.031, 0.05), (0.1, 0.004), (1e-3, 1.0)],
    "RSQRT": [(0.05, 0.05), (0.0235, 0.025), (0.5, 0.011), (1e-3, 0.1), (3.0, 0.004), (0.01, 1.0)],
}
ALPHAS = (0.3, 0.01, 1.7, -0.4, 0.0)


def int8(operator):
    """Every value under pairs of scales and zero points."""
    rng = seeded(operator)
    for index, (sx, sy) in enumerate(SCALES[operator]):
        for zero_points in [(-128, -128), (127, -128), (-3, 5), (int(rng.integers(-128, 128)), int(rng.integers(-128, 128)))]:
            x = Tensor((1, 256), np.int8, f32(sx), zero_points[0])
            # The oracle refuses a run with values below 0 here.
            codes = np.maximum(np.arange(-128, 128), zero_points[0] if operator == "RSQRT" else -128)
            vector = [codes.astype(np.int8).reshape(1, 256)]
            name = f"pair_{index}_{zero_points[0]}_{zero_points[1]}".replace("-", "m")
            for alpha in ALPHAS[index % 2 :: 2] if operator == "LEAKY_RELU" else [None]:
                y = Tensor((1, 256), np.int8, f32(sy), zero_points[1])
                options = {} if alpha is None else {"alpha": alpha}
                label = name if alpha is None else f"{name}_alpha_{alpha}".replace("-", "m")
                yield label, Model(operator, [x], y, options), [vector]


POSITIVE = ("LOG", "SQRT", "RSQRT")


def float32(operator):
    """A grid that reaches the flat ends, or what is near zero and large where only positive numbers have a result."""
    grid = np.concatenate([np.linspace(-20, 20, 161), [-88, 80, -1e-6, 1e-6, 0, 6, -0.0, 0.5, 1.5, 2.5, -0.5, -2.5]])
    if operator in POSITIVE:
        grid = np.concatenate([np.linspace(0.01, 20, 161), [1e-6, 1e6, 1, 3e30]])
    if operator == "EXP":
        grid = grid[grid < 20]
    grid = grid.astype(np.float32).reshape(1, -1)
    tensor = Tensor(grid.shape, np.float32)
    options = {"alpha": 0.3} if operator == "LEAKY_RELU" else {}
    yield "grid", Model(operator, [tensor], tensor, options), [[grid]]


FLOATS = ["LEAKY_RELU", "HARD_SWISH", "ELU", "ABS", "RSQRT", "EXP", "LOG", "SQRT", "SQUARE", "NEG", "SIN", "COS", "FLOOR", "CEIL", "ROUND"]

INT8 = {operator.lower(): (lambda operator=operator: int8(operator)) for operator in SCALES}
FLOAT32 = {operator.lower(): (lambda operator=operator: float32(operator)) for operator in FLOATS}
