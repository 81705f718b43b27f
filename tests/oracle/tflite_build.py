"""Builds .tflite files of one operator or a few, to be run by the oracle and imported by our tests.

The flatbuffer comes from the object interface of the schema inside the `tflite_micro` wheel. Files are plain
schema version 3, as a converter would write them, only without names and metadata.
"""

import copy
from dataclasses import dataclass, field

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

DTYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.int64): schema.TensorType.INT64,
    np.dtype(np.int16): schema.TensorType.INT16,
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.uint8): schema.TensorType.UINT8,
    np.dtype(np.bool_): schema.TensorType.BOOL,
    # What stands for a variable has no elements that a model could name.
    np.dtype(np.void): schema.TensorType.RESOURCE,
}

NONE = schema.ActivationFunctionType.NONE
RELU = schema.ActivationFunctionType.RELU
RELU6 = schema.ActivationFunctionType.RELU6
SAME = schema.Padding.SAME
VALID = schema.Padding.VALID


@dataclass
class Tensor:
    """One tensor: a constant when `data` is given, otherwise an activation of `shape` and `dtype`."""

    shape: tuple = ()
    dtype: type = np.int8
    scale: object = None  # one number, or an array for per-channel
    zero_point: object = 0
    axis: int = 0
    data: np.ndarray = None
    is_int4: bool = False  # its int8 values are written as INT4

    def __post_init__(self):
        if self.data is not None:
            self.shape = self.data.shape
            self.dtype = self.data.dtype.type
        if self.scale is not None:
            self.scale = np.atleast_1d(np.asarray(self.scale, np.float32))
            self.zero_point = np.broadcast_to(np.asarray(self.zero_point, np.int64), self.scale.shape)

    @property
    def s(self):
        """The one scale."""
        return self.scale[0]

    @property
    def z(self):
        """The one zero point."""
        return int(self.zero_point[0])


@dataclass
class Model:
    """A single-operator model: its inputs are the operator's inputs that are not constants."""

    operator: str  # name in the BuiltinOperator enumeration
    inputs: list
    output: Tensor
    options: dict = field(default_factory=dict)

    @property
    def activations(self):
        """The inputs a caller has to supply."""
        return [tensor for tensor in self.inputs if tensor is not None and tensor.data is None]


@dataclass
class Step:
    """An operator of a graph. A tensor is known by its identity: what a step computes, others read."""

    operator: str
    inputs: list
    outputs: list
    options: dict = field(default_factory=dict)


@dataclass
class Graph:
    """A subgraph: its steps run in their order."""

    steps: list
    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)


OPTIONS = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "ADD": "AddOptions",
    "MUL": "MulOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "GELU": "GeluOptions",
    "SUB": "SubOptions",
    "DIV": "DivOptions",
    "SOFTMAX": "SoftmaxOptions",
    "PAD": "PadOptions",
    "PADV2": "PadV2Options",
    "CONCATENATION": "ConcatenationOptions",
    "MEAN": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "SUM": "ReducerOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "QUANTIZE": "QuantizeOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "RESHAPE": "ReshapeOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "SQUEEZE": "SqueezeOptions",
    "EXPAND_DIMS": "ExpandDimsOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "TRANSPOSE": "TransposeOptions",
    "MIRROR_PAD": "MirrorPadOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "SPACE_TO_BATCH_ND": "SpaceToBatchNDOptions",
    "BATCH_TO_SPACE_ND": "BatchToSpaceNDOptions",
    "GATHER": "GatherOptions",
    "PACK": "PackOptions",
    "BROADCAST_TO": "BroadcastToOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "CALL_ONCE": "CallOnceOptions",
    "VAR_HANDLE": "VarHandleOptions",
    "READ_VARIABLE": "ReadVariableOptions",
    "ASSIGN_VARIABLE": "AssignVariableOptions",
    "L2_POOL_2D": "Pool2DOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "REDUCE_ALL": "ReducerOptions",
    "CUMSUM": "CumsumOptions",
    "ARG_MAX": "ArgMaxOptions",
    "ARG_MIN": "ArgMinOptions",
    "UNPACK": "UnpackOptions",
    "SPLIT": "SplitOptions",
    "SPLIT_V": "SplitVOptions",
    "SHAPE": "ShapeOptions",
    "REVERSE_V2": "ReverseV2Options",
}


def _tensor_table(tensor, buffer):
    table = schema.TensorT()
    table.shape = [int(extent) for extent in tensor.shape]
    table.type = schema.TensorType.INT4 if tensor.is_int4 else DTYPES[np.dtype(tensor.dtype)]
    table.buffer = buffer
    table.hasRank = True
    if tensor.scale is not None:
        table.quantization = schema.QuantizationParametersT()
        table.quantization.scale = np.asarray(tensor.scale, np.float32)
        table.quantization.zeroPoint = np.asarray(tensor.zero_point, np.int64)
        table.quantization.quantizedDimension = tensor.axis
    return table


def _raw(tensor):
    """The bytes of a constant. INT4: two values in a byte, the lower half first, from row to row without padding."""
    if not tensor.is_int4:
        return np.frombuffer(np.ascontiguousarray(tensor.data).tobytes(), np.uint8)
    halves = tensor.data.ravel().astype(np.uint8) & 15
    halves = np.append(halves, np.zeros(len(halves) % 2, np.uint8))
    return halves[::2] | halves[1::2] << 4


def _code(name):
    code = schema.OperatorCodeT()
    builtin = getattr(schema.BuiltinOperator, name)
    code.builtinCode = builtin
    code.deprecatedBuiltinCode = min(builtin, 127)
    code.version = 1
    return code


def _operator(step, opcode, indices):
    operator = schema.OperatorT()
    operator.opcodeIndex = opcode
    operator.inputs, operator.outputs = indices
    if step.operator in OPTIONS:
        name = OPTIONS[step.operator]
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        operator.builtinOptions = getattr(schema, name + "T")()
        for key, value in step.options.items():
            assert hasattr(operator.builtinOptions, key), key
            setattr(operator.builtinOptions, key, value)
    return operator


def serialize_graphs(graphs):
    """The bytes of the .tflite file of these subgraphs, the first of which is the model."""
    root = schema.ModelT()
    root.version = 3
    names = list(dict.fromkeys(step.operator for graph in graphs for step in graph.steps))
    root.operatorCodes = [_code(name) for name in names]
    root.buffers = [schema.BufferT()]
    root.subgraphs = []
    for graph in graphs:
        table = schema.SubGraphT()
        table.tensors = []
        known = {}

        def index_of(tensor):
            if tensor is None:
                return -1
            if id(tensor) not in known:
                buffer = 0
                if tensor.data is not None:
                    constant = schema.BufferT()
                    constant.data = _raw(tensor)
                    root.buffers.append(constant)
                    buffer = len(root.buffers) - 1
                known[id(tensor)] = len(table.tensors)
                table.tensors.append(_tensor_table(tensor, buffer))
            return known[id(tensor)]

        table.operators = []
        for step in graph.steps:
            indices = [[index_of(tensor) for tensor in side] for side in (step.inputs, step.outputs)]
            table.operators.append(_operator(step, names.index(step.operator), indices))
        table.inputs = [index_of(tensor) for tensor in graph.inputs]
        table.outputs = [index_of(tensor) for tensor in graph.outputs]
        root.subgraphs.append(table)

    builder = flatbuffers.Builder(1024)
    builder.Finish(root.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def serialize(model):
    """The bytes of the .tflite file of one operator."""
    # An activation in no unit may be given as the operand itself.
    output = copy.copy(model.output)
    step = Step(model.operator, model.inputs, [output], model.options)
    return serialize_graphs([Graph([step], model.activations, [output])])
