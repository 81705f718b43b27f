"""Operators that read, write or look for elements by indices, and detections: what LiteRT computes.

The schema's own classes write the files: these operators have attributes and a custom operator that `tflite_build.py` does not
know, and operands of several types.
"""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from flatbuffers import flexbuffers

from layer_cases import seeded

TYPES = {np.float32: schema.TensorType.FLOAT32, np.int32: schema.TensorType.INT32, np.int8: schema.TensorType.INT8}
CODES = schema.BuiltinOperator
OPTIONS = schema.BuiltinOptions


class File:
    """A file of one operator."""

    def __init__(self):
        self.tensors, self.buffers = [], [schema.BufferT()]

    def tensor(self, name, shape, dtype, data=None, quantization=None):
        """The index of a new tensor; one without data is computed."""
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), TYPES[dtype], 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.asarray(data, dtype).tobytes(), np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        if quantization is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [quantization[0]], [quantization[1]]
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def bytes(self, code, operands, results, options=None, custom=None):
        """The file; its inputs are the operands without data."""
        opcode, operator = schema.OperatorCodeT(), schema.OperatorT()
        opcode.builtinCode, opcode.deprecatedBuiltinCode, opcode.version = code, min(code, 127), 1
        operator.opcodeIndex, operator.inputs, operator.outputs = 0, operands, results
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(OPTIONS, type(options).__name__.removesuffix("T"))
        if custom is not None:
            opcode.customCode = custom[0]
            operator.customOptions = np.frombuffer(bytes(flexbuffers.Dumps(custom[1])), np.uint8)
        graph, model = schema.SubGraphT(), schema.ModelT()
        graph.tensors, graph.operators, graph.outputs = self.tensors, [operator], results
        is_input = lambda index: index >= 0 and self.tensors[index].buffer == 0 and not self.tensors[index].isVariable
        graph.inputs = [index for index in operands if is_input(index)]
        model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], self.buffers, [opcode]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def litert(model, inputs):
    """What LiteRT computes."""
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    for detail, array in zip(interpreter.get_input_details(), inputs):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]).copy() for detail in interpreter.get_output_details()]


def options(kind, **fields):
    """An operator's attributes."""
    made = getattr(schema, f"{kind}OptionsT")()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def case(name, situation, model, inputs, right):
    """A case that LiteRT computes."""
    return name, situation, model, inputs, litert(model, inputs), right | {"oracle": "litert"}


EXACT = {"expect": "codes", "at_most_apart": 0}


def rows(name, situation, code, dtype, shape, indices, result, made=None):
    """Rows that computed indices name."""
    quantization = (0.1, 3) if dtype is np.int8 else None
    x = seeded(name).integers(-100, 100, shape).astype(dtype)
    file = File()
    data = file.tensor("x", shape, dtype, None, quantization)
    index = file.tensor("indices", np.shape(indices), np.int32)
    y = file.tensor("y", result, dtype, None, quantization)
    model = file.bytes(code, [data, index], [y], made)
    return case(name, situation, model, [x, np.int32(indices)], EXACT)


def top(name):
    """The greatest of int8 codes among which many are equal."""
    file = File()
    x = file.tensor("x", (3, 9), np.int8, None, (0.1, 0))
    results = [file.tensor("values", (3, 4), np.int8, None, (0.1, 0)), file.tensor("indices", (3, 4), np.int32)]
    model = file.bytes(CODES.TOPK_V2, [x, file.tensor("k", (), np.int32, 4)], results, options("TopKV2"))
    data = seeded(name).integers(-4, 4, (3, 9)).astype(np.int8)
    return case(name, "TOPK_V2 of codes, many of them equal", model, [data], EXACT)


def greatest(name):
    """The index of the greatest int8 code of an inner axis."""
    file = File()
    x, y = file.tensor("x", (2, 7, 3), np.int8, None, (0.1, 0)), file.tensor("y", (2, 3), np.int32)
    axis = file.tensor("axis", (1,), np.int32, [-2])
    model = file.bytes(CODES.ARG_MAX, [x, axis], [y], options("ArgMax", outputType=schema.TensorType.INT32))
    data = seeded(name).integers(-4, 4, (2, 7, 3)).astype(np.int8)
    return case(name, "ARG_MAX of codes, some of them equal", model, [data], EXACT)


def added(name):
    """Rows that are added to zeros, two of them to the same."""
    file = File()
    index, new = file.tensor("indices", (3, 1), np.int32), file.tensor("rows", (3, 4), np.float32)
    shape, y = file.tensor("shape", (2,), np.int32, [5, 4]), file.tensor("y", (5, 4), np.float32)
    model = file.bytes(CODES.SCATTER_ND, [index, new, shape], [y], options("ScatterNd"))
    data = seeded(name).normal(0, 1, (3, 4)).astype(np.float32)
    return case(name, "SCATTER_ND with a place that is named twice", model, [np.int32([[1], [4], [1]]), data], EXACT)


def joined(name):
    """Codes behind constant ones."""
    file = File()
    x, y = (file.tensor(which, (1, 2, length), np.int8, None, (0.1, 4)) for which, length in (("x", 3), ("y", 5)))
    constant = file.tensor("constant", (1, 2, 2), np.int8, [[[1, -2], [3, 120]]], (0.1, 4))
    model = file.bytes(CODES.CONCATENATION, [x, constant], [y], options("Concatenation", axis=2))
    data = seeded(name).integers(-100, 100, (1, 2, 3)).astype(np.int8)
    return case(name, "CONCATENATION with a constant", model, [data], EXACT)


def detections(name, situation, classes, background=1, **changed):
    """The custom operator of detectors, on 40 boxes."""
    attributes = {
        "max_detections": 8, "max_classes_per_detection": 1, "detections_per_class": 100, "use_regular_nms": False,
        "nms_score_threshold": 0.3, "nms_iou_threshold": 0.5, "num_classes": classes, "y_scale": 10.0, "x_scale": 10.0,
        "h_scale": 5.0, "w_scale": 5.0,
    } | changed
    rng, count = seeded(name), 40
    encodings = rng.normal(0, 1, (1, count, 4)).astype(np.float32)
    scores = rng.random((1, count, classes + background)).astype(np.float32)
    if attributes["max_classes_per_detection"] == 1:
        # Of eighths, so that some are equal; which of a box's equal classes comes first is the oracle's chance.
        scores = np.round(scores * 8) / 8
    anchors = np.concatenate([rng.random((count, 2)), 0.1 + 0.4 * rng.random((count, 2))], 1).astype(np.float32)
    file, room = File(), attributes["max_detections"] * attributes["max_classes_per_detection"]
    operands = [file.tensor("boxes", encodings.shape, np.float32), file.tensor("classes", scores.shape, np.float32),
                file.tensor("anchors", anchors.shape, np.float32, anchors)]
    shapes = {"corners": (1, room, 4), "found": (1, room), "scores": (1, room), "count": (1,)}
    results = [file.tensor(each, shape, np.float32) for each, shape in shapes.items()]
    model = file.bytes(CODES.CUSTOM, operands, results, custom=("TFLite_Detection_PostProcess", attributes))
    return case(name, situation, model, [encodings, scores], {"expect": "reals", "relative": 1e-5})


def index_cases():
    """All of them: name, situation, model, inputs, outputs, what is right."""
    gather = lambda axis, batch=0: options("Gather", axis=axis, batchDims=batch)
    yield rows("gather_computed", "GATHER by computed indices", CODES.GATHER, np.int8, (3, 4, 5), [[1, 0, 2]],
               (3, 1, 3, 5), gather(1))
    yield rows("gather_batches", "GATHER with indices of each batch", CODES.GATHER, np.float32, (3, 4, 5),
               [[1, 3], [0, 0], [2, 1]], (3, 4, 2), gather(2, 1))
    yield rows("gather_nd", "GATHER_ND by pairs of indices", CODES.GATHER_ND, np.int8, (3, 4, 5), [[[1, 3]], [[0, 2]]],
               (2, 1, 5))
    yield top("top_of_equal_codes")
    yield greatest("arg_max_inner_axis")
    yield added("scatter_nd_twice")
    yield joined("concat_constant")
    yield detections("detections_fast", "TFLite_Detection_PostProcess, boxes by their best class", 3)
    yield detections("detections_three_classes", "the same with three classes of each box", 4, max_classes_per_detection=3)
    yield detections("detections_regular", "the same with boxes of each class, few of each", 3, use_regular_nms=True,
                     detections_per_class=2)
