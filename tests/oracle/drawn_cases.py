"""Golden cases that are drawn at random: what `tflite_operators.py` draws, some of each operator, with the oracle alone."""

import numpy as np

from drawn import Draw
from drawn_arithmetic import OPERATORS
from layer_cases import seeded
from make_op_goldens import oracle
from tflite_build import Model, serialize

COUNT = 16


def drawn(operator, name):
    """Cases of one operator on one type; models that the oracle does not run are left out."""
    rng, made = seeded(f"{operator} {name}"), 0
    while made < COUNT:
        draw = Draw(rng, name)
        case = OPERATORS[operator](draw)
        model = Model(operator, case.inputs, case.outputs[0], case.options)
        vectors = [[case.given[id(x)] if index == 0 and id(x) in case.given else draw.values(x) for x in case.activations]
                   for index in range(1 if case.given else 2)]  # fmt: skip
        try:
            oracle(serialize(model), vectors[0])
        except RuntimeError:
            continue
        yield f"drawn_{made}", model, [[np.asarray(value) for value in vector] for vector in vectors]
        made += 1


INT16 = ("RELU", "RELU6", "ABS", "RSQRT", "LEAKY_RELU", "PRELU", "LOGISTIC", "TANH", "SOFTMAX")
INT8 = ("L2_NORMALIZATION", "LOG_SOFTMAX", "CUMSUM", "ADD_N")
DRAWN = {
    **{f"{name.lower()}_i16": lambda name=name: drawn(name, "int16") for name in INT16},
    **{name.lower(): lambda name=name: drawn(name, "int8") for name in INT8},
    "reduce_all": lambda: drawn("REDUCE_ALL", "bool"),
}
