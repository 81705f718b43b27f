#!/usr/bin/env python3
"""One model for each operator and element type that TensorFlow Lite Micro has, with fixed shapes, to count instructions of.

    cargo xtask operator-bench --core cortex-m4

Writes OPERATOR.type.tflite, and OPERATOR.case.type.tflite where one shape says too little of an operator, and beside them in `golden` the
outputs of the oracle for inputs filled with the ramp of `targets/report/src/vector.rs`. Floats have no such file: their last bits may
differ. Sizes are those of layers in small models: some thousand elements, so that what is done once for an operator weighs little.
DYNAMIC_UPDATE_SLICE is missing, which the compiler does not read, and what depends on no input, such as FILL and SHAPE.
"""

import argparse
import copy
import math
import pathlib

import numpy as np
from tflite_micro import runtime

from drawn import Drawn, integers
from tflite_build import NONE, SAME, VALID, Tensor

f32 = np.float32
TYPES = {"int8": np.int8, "int16": np.int16, "float32": np.float32, "bool": np.bool_}
ARENA_BYTES = 1 << 20
MAP = (1, 16, 16, 8)
ROWS = (32, 64)


class Fixed:
    """Tensors of one type: codes in units in which results are seldom ends of the range."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.rng = np.random.default_rng(1)

    def tensor(self, shape, scale=1.0, zero=3):
        """An activation whose values lie about between -`scale` and `scale`."""
        if self.dtype in (np.int8, np.int16):
            steps, zero = (128, zero) if self.dtype is np.int8 else (32768, 0)
            return Tensor(tuple(shape), self.dtype, f32(scale / steps), zero)
        return Tensor(tuple(shape), self.dtype)

    def constant(self, shape, scale=1.0):
        """A constant of the type, symmetric."""
        most = {np.int8: 127, np.int16: 32767}.get(self.dtype)
        if most is None:
            return Tensor(data=self.rng.uniform(-scale, scale, shape).astype(self.dtype))
        codes = self.rng.integers(-most, most + 1, shape).astype(self.dtype)
        return Tensor(data=codes, scale=f32(scale / (most + 1)), zero_point=0)


def unary(operator, shape=MAP, scale=1.0, zero=3, **options):
    """A function of each element, with a result in a unit of its own."""

    def make(fixed):
        result = {"LOGISTIC": (0.5, -128), "SOFTMAX": (0.5, -128), "TANH": (1.0, 0), "L2_NORMALIZATION": (1.0, 0), "LOG_SOFTMAX": (8.0, 127)}
        to = result.get(operator, (scale * 1.3, -5))
        if fixed.dtype is np.int16 and operator in ("LOGISTIC", "SOFTMAX"):
            to = (1.0, 0)
        x = fixed.tensor(shape, 4.0 if operator in result else 1.0, -128 if operator in ("RSQRT", "SQRT", "LOG") else zero)
        return Drawn(operator, [x], [copy.copy(x) if operator in ("LOGICAL_NOT", "RELU6") else fixed.tensor(x.shape, *to)], options)

    return make


def binary(operator, first=MAP, second=MAP, scale=1.5):
    """A function of two operands."""

    def make(fixed):
        whole = np.broadcast_shapes(first, second)
        same = operator in ("MAXIMUM", "MINIMUM")
        a, b = fixed.tensor(first), fixed.tensor(second, 1.0 if same else 0.7, 3 if same else -20)
        if operator in ("DIV", "FLOOR_DIV", "FLOOR_MOD"):
            b = fixed.constant(second)
            b.data = np.where(np.abs(b.data) < 0.2, 0.5, b.data).astype(b.dtype) if b.dtype is f32 else np.maximum(b.data, 20)
        if operator == "PRELU":
            b = fixed.constant(second)
        y = fixed.tensor(whole, 1.0 if same else scale)
        if operator in ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"):
            y = Tensor(whole, np.bool_)
        options = {"fusedActivationFunction": NONE} if operator in ("ADD", "SUB", "MUL", "DIV") else {}
        return Drawn(operator, [a, b], [y], options)

    return make


def reduction(operator, shape, axes, scale=1.0):
    """One element of all those along axes."""

    def make(fixed):
        x = fixed.tensor(shape)
        result = [extent for axis, extent in enumerate(shape) if axis not in axes]
        return Drawn(operator, [x, integers(axes)], [fixed.tensor(result, scale)], {"keepDims": False})

    return make


def arg(operator):
    """The place of the largest or the least element of each row."""

    def make(fixed):
        return Drawn(operator, [fixed.tensor(ROWS), integers(-1)], [Tensor((ROWS[0],), np.int32)], {"outputType": 2})

    return make


def layer(operator, x, shape, stride=1, padding=SAME, multiplier=1):
    """A layer with weights of `shape`: as the file has them."""

    def make(fixed):
        axis = 3 if operator == "DEPTHWISE_CONV_2D" else 0
        outputs = shape[axis]
        weights, bias, scales = layer_constants(fixed, shape, axis, outputs)
        given = fixed.tensor(x)
        if operator == "FULLY_CONNECTED":
            return Drawn(operator, [given, weights, bias], [fixed.tensor((x[0], outputs), 2.0)], {"fusedActivationFunction": NONE})
        options = {"padding": padding, "strideH": stride, "strideW": stride, "fusedActivationFunction": NONE}
        if operator == "TRANSPOSE_CONV":
            extents = [extent * stride for extent in x[1:3]]
        else:
            kernel = shape[1:3]
            extents = [math.ceil(e / stride) if padding == SAME else (e - k) // stride + 1 for e, k in zip(x[1:3], kernel)]
            options |= {"dilationHFactor": 1, "dilationWFactor": 1}
        if operator == "DEPTHWISE_CONV_2D":
            options["depthMultiplier"] = multiplier
        result = (x[0], *extents, outputs)
        operands = [integers(result), weights, given, bias] if operator == "TRANSPOSE_CONV" else [given, weights, bias]
        return Drawn(operator, operands, [fixed.tensor(result, 2.0)], options)

    return make


def layer_constants(fixed, shape, axis, outputs):
    """Weights with a scale for each output, and the bias in the unit of the sums."""
    if fixed.dtype is f32:
        weights = Tensor(data=fixed.rng.normal(0, 0.1, shape).astype(f32))
        return weights, Tensor(data=fixed.rng.normal(0, 1, outputs).astype(f32)), None
    scales = fixed.rng.uniform(0.001, 0.003, outputs if axis == 3 or len(shape) == 4 else 1).astype(f32)
    codes = fixed.rng.integers(-127, 128, shape).astype(np.int8)
    weights = Tensor(data=codes, scale=scales, zero_point=0, axis=axis)
    unit = fixed.tensor(()).s * scales
    sums = fixed.rng.integers(-3000, 3000, outputs).astype(np.int64 if fixed.dtype is np.int16 else np.int32)
    return weights, Tensor(data=sums, scale=unit, zero_point=0), scales


def mat_mul(first, second, flips=(False, False)):
    """BATCH_MATMUL of two computed factors."""

    def make(fixed):
        a, b = fixed.tensor(first), fixed.tensor(second)
        rows = first[-1] if flips[0] else first[-2]
        columns = second[-2] if flips[1] else second[-1]
        y = fixed.tensor((*first[:-2], rows, columns), 5.0)
        return Drawn("BATCH_MATMUL", [a, b], [y], {"adjX": flips[0], "adjY": flips[1]})

    return make


def pool(operator, x=(1, 16, 16, 16), window=2, stride=2):
    """Windows without weights."""

    def make(fixed):
        given = fixed.tensor(x)
        result = (x[0], (x[1] - window) // stride + 1, (x[2] - window) // stride + 1, x[3])
        options = {"padding": VALID, "strideH": stride, "strideW": stride, "filterHeight": window, "filterWidth": window,
                   "fusedActivationFunction": NONE}  # fmt: skip
        return Drawn(operator, [given], [fixed.tensor(result)], options)

    return make


def moved(operator, x, shape, constants=(), **options):
    """Elements of one operand, elsewhere."""

    def make(fixed):
        return Drawn(operator, [fixed.tensor(x), *(integers(each) for each in constants)], [fixed.tensor(shape)], options)

    return make


def joined(operator, parts, shape, axis):
    """One tensor of several."""

    def make(fixed):
        options = {"axis": axis} | ({"valuesCount": len(parts)} if operator == "PACK" else {})
        return Drawn(operator, [fixed.tensor(part) for part in parts], [fixed.tensor(shape)], options)

    return make


def parted(operator, x, parts, axis):
    """Several tensors of one."""

    def make(fixed):
        given, results = fixed.tensor(x), [fixed.tensor(part) for part in parts]
        if operator == "UNPACK":
            return Drawn(operator, [given], results, {"axis": axis, "num": len(parts)})
        if operator == "SPLIT":
            return Drawn(operator, [integers(axis), given], results, {"numSplits": len(parts)})
        sizes = [part[axis] for part in parts]
        return Drawn(operator, [given, integers(sizes), integers(axis)], results, {"numSplits": len(parts)})

    return make


def many(operator, count=3):
    """A sum of several operands."""

    def make(fixed):
        return Drawn(operator, [fixed.tensor(MAP) for _ in range(count)], [fixed.tensor(MAP, 3.0)])

    return make


def select(second=MAP):
    """SELECT_V2."""

    def make(fixed):
        return Drawn("SELECT_V2", [Tensor(MAP, np.bool_), fixed.tensor(MAP), fixed.tensor(second)], [fixed.tensor(MAP)])

    return make


def converted(operator, source, to, zero=0):
    """From the type `source` alone to another."""

    def make(fixed):
        if fixed.dtype is not source:
            return None
        y = Fixed(to).tensor(MAP, 1.5, zero)
        x = fixed.tensor(MAP)
        if operator == "CAST":
            x, y = Tensor(MAP, source), Tensor(MAP, to)
        return Drawn(operator, [x], [y])

    return make


def pad(operator, amounts, **options):
    """Around a map."""

    def make(fixed):
        constants = [integers(amounts)]
        x = fixed.tensor(MAP)
        if operator == "PADV2":
            constants.append(Tensor(data=np.zeros((1,), fixed.dtype), **({} if x.scale is None else {"scale": x.s, "zero_point": x.z})))
        shape = [extent + sum(pair) for extent, pair in zip(MAP, amounts)]
        return Drawn(operator, [x, *constants], [fixed.tensor(shape)], options)

    return make


PIXEL, COLUMN = (1, 1, 1, 8), (1, 16, 16, 1)
SPATIAL = [[0, 0], [1, 1], [2, 1], [0, 0]]
COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")
# By name; what has a second part is a further shape of the operator.
CASES = {
    **{name: unary(name) for name in ("ABS", "CEIL", "COS", "ELU", "EXP", "FLOOR", "HARD_SWISH", "LOG", "NEG", "RELU", "RELU6", "ROUND", "RSQRT",
                                      "SIN", "SQRT", "SQUARE", "LOGISTIC", "TANH", "LOGICAL_NOT")},
    "LEAKY_RELU": unary("LEAKY_RELU", alpha=0.1), "SOFTMAX": unary("SOFTMAX", ROWS, beta=1.0), "SOFTMAX.classes": unary("SOFTMAX", (1, 10), beta=1.0),
    "LOG_SOFTMAX": unary("LOG_SOFTMAX", ROWS), "L2_NORMALIZATION": unary("L2_NORMALIZATION", ROWS), "CUMSUM": lambda fixed: Drawn(
        "CUMSUM", [fixed.tensor(ROWS), integers(-1)], [fixed.tensor(ROWS, 4.0)], {}),
    **{name: binary(name) for name in ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "FLOOR_DIV", "FLOOR_MOD",
                                       "LOGICAL_AND", "LOGICAL_OR", *COMPARISONS)},
    **{f"{name}.channel": binary(name, MAP, PIXEL) for name in ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "SQUARED_DIFFERENCE", "LESS")},
    **{f"{name}.pixel": binary(name, MAP, COLUMN) for name in ("ADD", "SUB", "MUL", "MAXIMUM")},
    **{f"{name}.one": binary(name, MAP, (1,)) for name in ("ADD", "SUB", "MUL", "MAXIMUM", "LESS")},
    "PRELU": binary("PRELU", MAP, PIXEL), "ADD_N": many("ADD_N"), "SELECT_V2": select(), "SELECT_V2.channel": select(PIXEL),
    "MEAN": reduction("MEAN", (1, 16, 16, 16), [1, 2]), "MEAN.rows": reduction("MEAN", ROWS, [1]), "MEAN.first": reduction("MEAN", ROWS, [0]),
    **{name: reduction(name, (1, 16, 16, 16), [1, 2], 16.0 if name == "SUM" else 1.0) for name in ("SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ALL")},
    **{f"{name}.rows": reduction(name, ROWS, [1], 8.0 if name == "SUM" else 1.0) for name in ("SUM", "REDUCE_MAX", "REDUCE_MIN")},
    "ARG_MAX": arg("ARG_MAX"), "ARG_MIN": arg("ARG_MIN"),
    "BATCH_MATMUL": mat_mul((4, 32, 16), (4, 16, 32)), "BATCH_MATMUL.flipped": mat_mul((4, 32, 16), (4, 32, 16), (False, True)),
    "CONV_2D": layer("CONV_2D", (1, 12, 12, 16), (16, 3, 3, 16)), "CONV_2D.pointwise": layer("CONV_2D", (1, 12, 12, 32), (32, 1, 1, 32)),
    "CONV_2D.first": layer("CONV_2D", (1, 24, 24, 3), (8, 3, 3, 3), 2),
    "DEPTHWISE_CONV_2D": layer("DEPTHWISE_CONV_2D", (1, 12, 12, 32), (1, 3, 3, 32)),
    "DEPTHWISE_CONV_2D.5x5": layer("DEPTHWISE_CONV_2D", (1, 12, 12, 16), (1, 5, 5, 16)),
    "DEPTHWISE_CONV_2D.multiplier": layer("DEPTHWISE_CONV_2D", (1, 12, 12, 1), (1, 3, 3, 8), multiplier=8),
    "FULLY_CONNECTED": layer("FULLY_CONNECTED", (1, 128), (64, 128)),
    "TRANSPOSE_CONV": layer("TRANSPOSE_CONV", (1, 8, 8, 16), (8, 3, 3, 16), 2), "TRANSPOSE_CONV.2x2": layer("TRANSPOSE_CONV", (1, 8, 8, 16), (8, 2, 2, 16), 2),
    "AVERAGE_POOL_2D": pool("AVERAGE_POOL_2D"), "AVERAGE_POOL_2D.global": pool("AVERAGE_POOL_2D", (1, 8, 8, 32), 8, 1),
    "AVERAGE_POOL_2D.3x3": pool("AVERAGE_POOL_2D", window=3, stride=1), "MAX_POOL_2D": pool("MAX_POOL_2D"), "MAX_POOL_2D.3x3": pool("MAX_POOL_2D", window=3, stride=2),
    "L2_POOL_2D": pool("L2_POOL_2D"),
    "QUANTIZE.to-int8": converted("QUANTIZE", f32, np.int8, 3), "QUANTIZE.to-int16": converted("QUANTIZE", f32, np.int16),
    "QUANTIZE.again": converted("QUANTIZE", np.int8, np.int8, -20), "QUANTIZE.narrower": converted("QUANTIZE", np.int16, np.int8, 3),
    "QUANTIZE.wider": converted("QUANTIZE", np.int8, np.int16), "DEQUANTIZE.int8": converted("DEQUANTIZE", np.int8, f32),
    "DEQUANTIZE.int16": converted("DEQUANTIZE", np.int16, f32), "CAST.to-float": converted("CAST", np.int8, f32), "CAST.to-int8": converted("CAST", f32, np.int8),
    "RESHAPE": moved("RESHAPE", MAP, (16, 128), [[16, 128]], newShape=[16, 128]), "EXPAND_DIMS": moved("EXPAND_DIMS", ROWS, (1, *ROWS), [0]),
    "SQUEEZE": moved("SQUEEZE", MAP, MAP[1:], squeezeDims=[0]),
    "TRANSPOSE": moved("TRANSPOSE", MAP, (1, 8, 16, 16), [[0, 3, 1, 2]]), "TRANSPOSE.to-last": moved("TRANSPOSE", (1, 8, 16, 16), MAP, [[0, 2, 3, 1]]),
    "TRANSPOSE.matrix": moved("TRANSPOSE", (48, 40), (40, 48), [[1, 0]]), "TRANSPOSE.heads": moved("TRANSPOSE", (1, 16, 4, 32), (1, 4, 16, 32), [[0, 2, 1, 3]]),
    "PAD": pad("PAD", SPATIAL), "PADV2": pad("PADV2", SPATIAL), "MIRROR_PAD": pad("MIRROR_PAD", SPATIAL, mode=0),
    "SLICE": moved("SLICE", MAP, (1, 10, 12, 8), [[0, 2, 3, 0], [1, 10, 12, 8]]), "SLICE.channels": moved("SLICE", MAP, (1, 16, 16, 4), [[0, 0, 0, 2], [1, 16, 16, 4]]),
    "STRIDED_SLICE": moved("STRIDED_SLICE", MAP, (1, 8, 8, 8), [[0, 0, 0, 0], MAP, [1, 2, 2, 1]]),
    "STRIDED_SLICE.back": moved("STRIDED_SLICE", ROWS, (32, 32), [[0, 0], ROWS, [1, 2]]),
    "REVERSE_V2": moved("REVERSE_V2", ROWS, ROWS, [[1]]), "BROADCAST_TO": moved("BROADCAST_TO", PIXEL, MAP, [MAP]),
    "BROADCAST_TO.pixel": moved("BROADCAST_TO", COLUMN, MAP, [MAP]),
    "SPACE_TO_DEPTH": moved("SPACE_TO_DEPTH", MAP, (1, 8, 8, 32), blockSize=2), "DEPTH_TO_SPACE": moved("DEPTH_TO_SPACE", (1, 8, 8, 32), MAP, blockSize=2),
    "SPACE_TO_BATCH_ND": moved("SPACE_TO_BATCH_ND", MAP, (4, 8, 8, 8), [[2, 2], [[0, 0], [0, 0]]]),
    "BATCH_TO_SPACE_ND": moved("BATCH_TO_SPACE_ND", (4, 8, 8, 8), MAP, [[2, 2], [[0, 0], [0, 0]]]),
    "RESIZE_BILINEAR": moved("RESIZE_BILINEAR", (1, 8, 8, 8), MAP, [[16, 16]], halfPixelCenters=True),
    "RESIZE_BILINEAR.corners": moved("RESIZE_BILINEAR", (1, 8, 8, 8), (1, 15, 15, 8), [[15, 15]], alignCorners=True),
    "RESIZE_NEAREST_NEIGHBOR": moved("RESIZE_NEAREST_NEIGHBOR", (1, 8, 8, 8), MAP, [[16, 16]], halfPixelCenters=True),
    "GATHER": moved("GATHER", ROWS, (16, 64), [list(range(31, -1, -2))], axis=0), "GATHER.columns": moved("GATHER", ROWS, (32, 32), [list(range(63, -1, -2))], axis=1),
    "GATHER_ND": moved("GATHER_ND", ROWS, (16, 64), [[[at] for at in range(31, -1, -2)]]),
    "CONCATENATION": joined("CONCATENATION", [MAP, MAP], (1, 16, 16, 16), -1), "CONCATENATION.rows": joined("CONCATENATION", [MAP, MAP], (1, 32, 16, 8), 1),
    "PACK": joined("PACK", [ROWS] * 3, (3, *ROWS), 0), "PACK.last": joined("PACK", [ROWS] * 3, (*ROWS, 3), -1),
    "UNPACK": parted("UNPACK", (3, *ROWS), [ROWS] * 3, 0), "UNPACK.last": parted("UNPACK", (*ROWS, 3), [ROWS] * 3, 2),
    "SPLIT": parted("SPLIT", MAP, [(1, 16, 16, 4)] * 2, 3), "SPLIT.rows": parted("SPLIT", MAP, [(1, 8, 16, 8)] * 2, 1),
    "SPLIT_V": parted("SPLIT_V", MAP, [(1, 16, 16, 2), (1, 16, 16, 6)], 3),
}  # fmt: skip
# Types beyond those that any operator is tried on.
BOOLEAN = ("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT", "REDUCE_ALL")


def ramp(count):
    """The vector that the images make for themselves."""
    return ((np.arange(count) * 37 + 11) % 256 - 128).astype(np.int8)


def filled(tensor):
    """An input filled with the ramp, as the images fill it."""
    codes = ramp(math.prod(tensor.shape))
    values = {
        np.int8: lambda: codes, np.int16: lambda: codes.astype(np.int16) * 256, f32: lambda: codes.astype(f32) / 128,
        np.int32: lambda: codes.astype(np.int32), np.bool_: lambda: (codes & 1) != 0,
    }[tensor.dtype]()  # fmt: skip
    return np.ascontiguousarray(values).reshape(tensor.shape)


def outputs_of(case):
    """What the oracle computes; None when it does not run the model."""
    try:
        interpreter = runtime.Interpreter.from_bytes(case.file(), arena_size=ARENA_BYTES)
        for index, tensor in enumerate(case.activations):
            interpreter.set_input(filled(tensor), index)
        interpreter.invoke()
        return [np.array(interpreter.get_output(index)) for index in range(len(case.outputs))]
    except RuntimeError:
        return None


def models():
    """Names and models, of those that the oracle runs."""
    for name, make in CASES.items():
        operator = name.split(".")[0]
        for dtype in ("bool",) if operator in BOOLEAN else ("int8", "int16", "float32"):
            # The oracle compares int16 with factors that it has not set.
            if operator in COMPARISONS and dtype == "int16":
                continue
            case = make(Fixed(TYPES[dtype]))
            right = case and outputs_of(case)
            if right:
                # The type is a part of these names already.
                yield (name if operator == "DEQUANTIZE" else f"{name}.{dtype}"), case, right


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="where to write the models")
    folder = parser.parse_args().folder
    (folder / "golden").mkdir(parents=True)
    count = 0
    for name, case, right in models():
        (folder / f"{name}.tflite").write_bytes(case.file())
        if all(value.dtype != f32 for value in right):
            golden = b"".join(np.ascontiguousarray(value).tobytes() for value in right)
            (folder / "golden" / f"{name}.ramp.out.bin").write_bytes(golden)
        count += 1
    print(f"{count} models")


if __name__ == "__main__":
    main()
