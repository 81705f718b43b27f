"""Cases of functions of two operands: SUB, DIV, PRELU, SQUARED_DIFFERENCE, MAXIMUM, MINIMUM and comparisons."""

import math

import numpy as np

from layer_cases import activation_tensor, f32, f64, int8s, scale_of, seeded, two_vectors
from tflite_build import NONE, RELU, RELU6, Model, Tensor

SHAPE_PAIRS = [
    ((1, 4, 3, 5), (1, 4, 3, 5)),
    ((7,), (7,)),
    ((2, 3, 5), (2, 3, 5)),
    ((1, 4, 3, 5), (1, 1, 1, 5)),
    ((1, 1, 1, 5), (1, 4, 3, 5)),
    ((1, 4, 3, 5), (1,)),
    ((1, 4, 3, 5), (1, 4, 3, 1)),
    ((1, 4, 1, 5), (1, 1, 3, 5)),
    ((2, 1, 3, 2), (1, 4, 1, 2)),
    ((3, 17), (1, 17)),
]
FULL = ((1, 3, 5, 8), (1, 3, 5, 8))
SCALES = {
    "equal_scales": (0.05, 0.05, 0.05),
    "power_of_two": (0.25, 0.5, 1.0),
    "far_apart": (0.5, 1e-3, 0.5),
    "output_large": (0.01, 0.01, 5.0),
}
COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")


def result(rng, operator, a, b, scales, zero_point):
    """The result's declaration: a scale under which most results are no end of the range."""
    shape = np.broadcast_shapes(a.shape, b.shape)
    if operator in COMPARISONS:
        return Tensor(shape, np.bool_)
    if operator in ("MAXIMUM", "MINIMUM"):
        return Tensor(shape, np.int8, a.s, a.z)
    factor = math.exp(rng.uniform(-0.7, 0.7))
    usual = {
        "SUB": (a.s + b.s) * factor,
        "SQUARED_DIFFERENCE": max(a.s, b.s) ** 2 * 200 * factor,
        "PRELU": a.s * max(1.0, b.s * 60) * factor,
        "DIV": a.s / b.s * 0.05 * factor,
    }[operator]
    return activation_tensor(rng, shape, f32(usual if scales is None else scales[2]), zero_point)


def case(rng, operator, shapes, constant=None, activation=NONE, scales=None, zero_points=None):
    """One operator; `constant` is the index of an operand that is a constant of the model, or None."""
    zero_points = zero_points or [None] * 3
    a, b = (activation_tensor(rng, s, None if scales is None else f32(scales[i]), zero_points[i]) for i, s in enumerate(shapes))
    if operator in ("MAXIMUM", "MINIMUM"):
        b = Tensor(shapes[1], np.int8, a.s, a.z)
    y = result(rng, operator, a, b, scales, zero_points[2])
    inputs = [a, b]
    if constant is not None:
        old = inputs[constant]
        inputs[constant] = Tensor(data=int8s(rng, old.shape), scale=old.s, zero_point=old.z)
    options = {"fusedActivationFunction": activation} if operator in ("SUB", "DIV") else {}
    model = Model(operator, inputs, y, options)
    return model, two_vectors(rng, model.activations)


def without_zero_divisors(model, vectors):
    """The oracle's DIV reads undefined bits where the divisor is zero, or the quotient is below one bit."""
    a, b = model.inputs

    def moved(divisors):
        codes = np.where(np.abs(divisors.astype(int) - b.z) < 3, b.z + (40 if b.z < 0 else -40), divisors)
        return codes.astype(np.int8)

    def large(codes):
        distance = codes.astype(int) - a.z
        return np.where(np.abs(distance) < 16, a.z + (30 if a.z < 0 else -30), codes).astype(np.int8)

    return [[large(vector[0]), moved(vector[1])] for vector in vectors]


def combined(operator):
    """All cases of one operator."""
    rng = seeded(operator)
    for index, shapes in enumerate(SHAPE_PAIRS):
        # PRELU's result has the shape of its first operand.
        if operator == "PRELU" and np.broadcast_shapes(*shapes) != shapes[0]:
            continue
        model, vectors = case(rng, operator, shapes)
        yield f"shapes_{index}", model, without_zero_divisors(model, vectors) if operator == "DIV" else vectors
    if operator != "DIV":
        for index in (0, 3, 6):
            for constant in (0, 1) if operator != "PRELU" else (1,):
                yield f"constant_{constant}_shapes_{index}", *case(rng, operator, SHAPE_PAIRS[index], constant)
        for name, scales in SCALES.items():
            if operator == "SQUARED_DIFFERENCE" and name == "output_large":
                continue
            yield name, *case(rng, operator, FULL, None, NONE, scales)
        for index, zero_points in enumerate([(-128, -128, -128), (127, 127, 127), (-128, 127, 0), (127, -128, -128)]):
            yield f"zero_points_{index}", *case(rng, operator, FULL, None, NONE, None, zero_points)
    for index in range(12):
        activation = (NONE, RELU, RELU6)[index % 3] if operator in ("SUB", "DIV") else NONE
        model, vectors = case(rng, operator, FULL, None, activation)
        yield f"random_{index}", model, without_zero_divisors(model, vectors) if operator == "DIV" else vectors


COMBINED = {
    operator.lower(): lambda operator=operator: combined(operator)
    for operator in ("SUB", "DIV", "PRELU", "SQUARED_DIFFERENCE", "MAXIMUM", "MINIMUM", *COMPARISONS)
}
