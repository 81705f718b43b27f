#!/usr/bin/env python3
"""Writes `tests/golden/models/shapes_int8.tflite`: an int8 network of shapes that no benchmark model has.

    ~/kinglet-oracle/bin/python tests/oracle/make_shapes_model.py

5x5 windows, dilation, depth multiplier 2, 1xN and Nx1 windows, odd channel counts, a residual sum. Its weights are random,
so it computes nothing of use; its outputs spread over the range, which is all that a test of kernels needs. Run
`make_model_goldens.py` afterwards.
"""

import math
import pathlib

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from tflite_build import NONE, OPTIONS, RELU, RELU6, SAME, VALID, Tensor, _tensor_table

OUT = pathlib.Path(__file__).resolve().parent.parent / "golden" / "models" / "shapes_int8.tflite"
# What a code of an activation and of a weight deviates from its middle, roughly.
ACTIVATION_SPREAD, WEIGHT_SPREAD = 45.0, 42.0


class Network:
    """A chain of operators under construction; `last` is the newest activation."""

    def __init__(self, shape):
        self.rng = np.random.default_rng(2026)
        self.tensors, self.buffers, self.operators, self.codes = [], [schema.BufferT()], [], []
        self.last = self.add(Tensor(shape, np.int8, 0.05, -3))

    def add(self, tensor):
        """A tensor's index."""
        buffer = 0
        if tensor.data is not None:
            table = schema.BufferT()
            table.data = np.frombuffer(np.ascontiguousarray(tensor.data).tobytes(), np.uint8)
            self.buffers.append(table)
            buffer = len(self.buffers) - 1
        self.tensors.append((tensor, buffer))
        return len(self.tensors) - 1

    def tensor(self, index):
        return self.tensors[index][0]

    def operator(self, name, inputs, output, **options):
        """Appends an operator and makes its result the newest activation."""
        builtin = getattr(schema.BuiltinOperator, name)
        if builtin not in self.codes:
            self.codes.append(builtin)
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes.index(builtin)
        operator.inputs = list(inputs)
        self.last = self.add(output)
        operator.outputs = [self.last]
        if name in OPTIONS:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, OPTIONS[name])
            operator.builtinOptions = getattr(schema, OPTIONS[name] + "T")()
            for key, value in options.items():
                assert hasattr(operator.builtinOptions, key), key
                setattr(operator.builtinOptions, key, value)
        self.operators.append(operator)
        return self.last

    def weighted(self, name, weights_shape, axis, taps, shape, activation, **options):
        """An operator with random weights, a scale for each channel, and a fitting output scale."""
        x = self.tensor(self.last)
        outputs = shape[-1]
        weights = np.clip(self.rng.normal(0, WEIGHT_SPREAD, weights_shape), -127, 127).astype(np.int8)
        scales = np.exp(self.rng.uniform(math.log(0.002), math.log(0.006), outputs)).astype(np.float32)
        spread = math.sqrt(taps) * ACTIVATION_SPREAD * WEIGHT_SPREAD
        bias = self.rng.normal(0, spread / 3, outputs).astype(np.int32)
        w = self.add(Tensor(scale=scales, zero_point=np.zeros(outputs, np.int64), axis=axis, data=weights))
        b = self.add(Tensor(scale=scales * x.s, zero_point=np.zeros(outputs, np.int64), data=bias))
        zero_point = 4 if activation == NONE else -128
        scale = np.float32(x.s * 0.0035 * spread / ACTIVATION_SPREAD / (1 if activation == NONE else 2))
        output = Tensor(shape, np.int8, scale, zero_point)
        return self.operator(name, [self.last, w, b], output, fusedActivationFunction=activation, **options)

    def conv(self, outputs, kernel, stride=(1, 1), dilation=(1, 1), padding=SAME, activation=NONE):
        channels = self.tensor(self.last).shape[3]
        self.weighted(
            "CONV_2D", (outputs, *kernel, channels), 0, math.prod(kernel) * channels,
            self.extent(kernel, stride, dilation, padding, outputs), activation,
            strideH=stride[0], strideW=stride[1], dilationHFactor=dilation[0], dilationWFactor=dilation[1], padding=padding)

    def depthwise(self, multiplier, kernel, stride=(1, 1), dilation=(1, 1), padding=SAME, activation=NONE):
        outputs = self.tensor(self.last).shape[3] * multiplier
        self.weighted(
            "DEPTHWISE_CONV_2D", (1, *kernel, outputs), 3, math.prod(kernel),
            self.extent(kernel, stride, dilation, padding, outputs), activation, depthMultiplier=multiplier,
            strideH=stride[0], strideW=stride[1], dilationHFactor=dilation[0], dilationWFactor=dilation[1], padding=padding)

    def extent(self, kernel, stride, dilation, padding, channels):
        """Shape of a windowed operator's result."""
        def along(axis):
            size = self.tensor(self.last).shape[1 + axis]
            reach = 1 if padding == SAME else (kernel[axis] - 1) * dilation[axis] + 1
            return -(-(size - reach + 1) // stride[axis])
        return (1, along(0), along(1), channels)

    def serialize(self):
        """The bytes of the .tflite file."""
        root = schema.ModelT()
        root.version = 3
        root.operatorCodes = []
        for builtin in self.codes:
            code = schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), 1
            root.operatorCodes.append(code)
        graph = schema.SubGraphT()
        graph.tensors = [_tensor_table(tensor, buffer) for tensor, buffer in self.tensors]
        graph.inputs, graph.outputs, graph.operators = [0], [self.last], self.operators
        root.subgraphs, root.buffers = [graph], self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(root.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def main():
    """Builds the network."""
    net = Network((1, 23, 19, 5))
    net.conv(11, (5, 5), stride=(2, 1), activation=RELU6)
    net.depthwise(2, (3, 3), padding=VALID)
    net.conv(13, (3, 3), dilation=(2, 1), activation=RELU)
    net.depthwise(1, (1, 5))
    net.depthwise(1, (5, 1), stride=(2, 1), activation=RELU)
    net.conv(30, (1, 1))
    net.conv(9, (1, 7), padding=VALID, activation=RELU)
    branch = net.last
    net.conv(9, (1, 1))
    x = net.tensor(net.last)
    net.operator("ADD", [branch, net.last], Tensor(x.shape, np.int8, np.float32(x.s * 1.3), -9), fusedActivationFunction=NONE)
    x = net.tensor(net.last)
    shape = net.extent((2, 2), (1, 1), (1, 1), VALID, 9)
    net.operator(
        "MAX_POOL_2D", [net.last], Tensor(shape, np.int8, x.s, x.z), filterHeight=2, filterWidth=2, strideH=1, strideW=1,
        padding=VALID, fusedActivationFunction=NONE)
    net.depthwise(1, (3, 3), dilation=(2, 2))
    net.conv(10, (2, 3), stride=(1, 2))
    x = net.tensor(net.last)
    axes = net.add(Tensor(data=np.array([1, 2], np.int32)))
    net.operator("MEAN", [net.last, axes], Tensor((1, 10), np.int8, np.float32(x.s * 0.4), x.z), keepDims=False)
    net.weighted("FULLY_CONNECTED", (7, 10), 0, 10, (1, 7), NONE)
    OUT.write_bytes(net.serialize())


if __name__ == "__main__":
    main()
