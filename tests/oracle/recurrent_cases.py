"""Layers that go over time: of ONNX what onnxruntime computes, of .tflite files what TensorFlow Lite Micro does.

The converter of TensorFlow writes int8 LSTM only from calibrated loops, and ends with an error on most; here the schema's own
classes write them.
"""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from tflite_micro.python.tflite_micro import runtime

from index_cases import CODES, TYPES, File, litert, options, schema
from layer_cases import seeded

STEPS, INPUTS, UNITS = 7, 5, 6
ABSENT = -1
TYPES[np.int16] = schema.TensorType.INT16
TANH = schema.ActivationFunctionType.TANH


def onnx_case(name, situation, operator, gates, results, states=(), directions=1, **attributes):
    """One layer over two sequences."""
    rng, batch = seeded(name), 2
    rows = gates * UNITS
    shapes = {"w": (directions, rows, INPUTS), "r": (directions, rows, UNITS), "b": (directions, 2 * rows)}
    constants = {key: rng.normal(0, 0.4, shape).astype(np.float32) for key, shape in shapes.items()}
    inputs = {"x": (STEPS, batch, INPUTS)} | {state: (directions, batch, UNITS) for state in states}
    vector = {key: rng.normal(0, 1, shape).astype(np.float32) for key, shape in inputs.items()}
    node = helper.make_node(operator, ["x", "w", "r", "b", "", *states], results, hidden_size=UNITS, **attributes)
    values = lambda names: [helper.make_tensor_value_info(each, TensorProto.FLOAT, inputs.get(each)) for each in names]
    tensors = [numpy_helper.from_array(array, key) for key, array in constants.items()]
    graph = helper.make_graph([node], "layer", values(inputs), values(filter(None, results)), tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], producer_name="kinglet cases")
    model.ir_version = 8
    right = onnxruntime.InferenceSession(model.SerializeToString()).run(None, vector)
    return name, situation, model.SerializeToString(), list(vector.values()), right, {"expect": "reals", "relative": 1e-5}


def lstm_file(rng, kinds, scales, clip=0.0, time_major=False):
    """A file with UNIDIRECTIONAL_SEQUENCE_LSTM, whose numbers are codes of `scales` where there are any."""
    x, weight, bias, cell = kinds
    file = File()
    shape = (STEPS, 1, INPUTS) if time_major else (1, STEPS, INPUTS)
    quantized = lambda key: scales.get(key)
    operands = [file.tensor("x", shape, x, None, quantized("x"))]

    def numbers(shape, kind, spread):
        if kind is np.float32:
            return rng.normal(0, 0.4, shape).astype(kind)
        return rng.integers(-spread, spread + 1, shape).astype(kind)

    for each, width in (("w", INPUTS), ("r", UNITS)):
        for gate in range(4):
            operands.append(
                file.tensor(f"{each}{gate}", (UNITS, width), weight, numbers((UNITS, width), weight, 127), quantized(f"{each}{gate}"))
            )
    operands += [ABSENT] * 3
    for gate in range(4):
        operands.append(file.tensor(f"b{gate}", (UNITS,), bias, numbers((UNITS,), bias, 2000), quantized(f"b{gate}")))
    operands += [ABSENT] * 2
    for key, kind in (("h", x), ("c", cell)):
        operands.append(file.tensor(key, (1, UNITS), kind, None, quantized(key)))
        file.tensors[-1].isVariable = True
    operands += [ABSENT] * 4
    y = file.tensor("y", (*shape[:2], UNITS), x, None, quantized("h"))
    attributes = options("UnidirectionalSequenceLSTM", fusedActivationFunction=TANH, timeMajor=time_major, cellClip=clip)
    return file.bytes(CODES.UNIDIRECTIONAL_SEQUENCE_LSTM, operands, [y], attributes)


def lstm_f32(name):
    """Floats, by LiteRT."""
    rng = seeded(name)
    model = lstm_file(rng, (np.float32,) * 4, {})
    x = rng.normal(0, 1, (1, STEPS, INPUTS)).astype(np.float32)
    return name, "UNIDIRECTIONAL_SEQUENCE_LSTM", model, [x], litert(model, [x]), {"expect": "reals", "relative": 1e-5}


def lstm_i8(name, situation, cell_power=-11, h=(1 / 128, 0), **attributes):
    """int8 with a cell state of int16, by TensorFlow Lite Micro."""
    rng = seeded(name)
    scales = {"x": (0.03, -5), "h": h, "c": (2.0**cell_power, 0)}
    for gate in range(4):
        scales[f"w{gate}"], scales[f"r{gate}"] = (0.006 + 0.002 * gate, 0), (0.009 - 0.001 * gate, 0)
        scales[f"b{gate}"] = (scales["x"][0] * scales[f"w{gate}"][0], 0)
    model = lstm_file(rng, (np.int8, np.int8, np.int32, np.int16), scales, **attributes)
    shape = (STEPS, 1, INPUTS) if attributes.get("time_major") else (1, STEPS, INPUTS)
    x = rng.integers(-128, 128, shape, np.int8)
    interpreter = runtime.Interpreter.from_bytes(model)
    interpreter.set_input(x, 0)
    interpreter.invoke()
    return name, situation, model, [x], [interpreter.get_output(0).copy()], {"expect": "codes", "at_most_apart": 0}


def sway(rng, steps, sensors):
    """What sensors tell of a movement, `[steps, sensors]`."""
    time, rate, phase = np.arange(steps)[:, None] / steps, rng.uniform(0.5, 4, sensors), rng.uniform(0, 7, sensors)
    swaying = np.sin(2 * np.pi * (rate * time + phase)) * rng.uniform(0.3, 1.5, sensors)
    return (swaying + rng.normal(0, 0.1, (steps, sensors))).astype(np.float32)


def gesture(name, operator, gates, functions, **attributes):
    """A layer over a gesture, of six sensors, and a dense layer behind its last state; calibrated to int8."""
    rng, steps, sensors, units, classes = seeded(name), 40, 6, 24, 4
    drawn = lambda *shape: rng.uniform(-1, 1, shape).astype(np.float32) * np.float32(1.4 * units**-0.5)
    tensors = {"w": drawn(1, gates * units, sensors), "r": drawn(1, gates * units, units), "b": drawn(1, 2 * gates * units),
               "v": drawn(classes, units), "k": drawn(classes), "shape": np.array([1, units])}
    nodes = [
        helper.make_node(operator, ["x", "w", "r", "b"], ["", "h"], hidden_size=units, **attributes),
        helper.make_node("Reshape", ["h", "shape"], ["state"]),
        helper.make_node("Gemm", ["state", "v", "k"], ["y"], transB=1),
    ]
    value = lambda key, shape: helper.make_tensor_value_info(key, TensorProto.FLOAT, shape)
    constants = [numpy_helper.from_array(array, key) for key, array in tensors.items()]
    graph = helper.make_graph(nodes, "gesture", [value("x", (steps, 1, sensors))], [value("y", (1, classes))], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], producer_name="kinglet cases")
    model.ir_version = 8

    movement = lambda: sway(rng, steps, sensors)[:, None, :]
    # Samples lie behind each other along the first axis.
    calib, x = np.concatenate([movement() for _ in range(64)]), movement()
    right = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    wanted = {"expect": "sqnr_db", "at_least": 30, "integer": True}
    return name, f"{operator} over a gesture, {functions}", model.SerializeToString(), calib, [x], right, wanted


def gesture_convolutions(name):
    """Convolutions over a gesture, of which the first sees what is behind a row and the others do not, and a mean of all rows."""
    rng, steps, sensors, channels, classes = seeded(name), 40, 6, 16, 4
    drawn = lambda *shape: rng.uniform(-1, 1, shape).astype(np.float32) * np.float32(1.7 * np.prod(shape[1:])**-0.5)
    tensors = {"w0": drawn(channels, sensors, 5), "b0": drawn(channels), "w1": drawn(channels, channels, 3), "b1": drawn(channels),
               "w2": drawn(channels, channels, 3), "b2": drawn(channels), "v": drawn(classes, channels), "k": drawn(classes)}
    nodes = [
        helper.make_node("Conv", ["x", "w0", "b0"], ["c0"], "both_sides", pads=[2, 2]),
        helper.make_node("Relu", ["c0"], ["r0"]),
        helper.make_node("Conv", ["r0", "w1", "b1"], ["c1"], "causal", pads=[2, 0]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], "causal_far", pads=[4, 0], dilations=[2]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Add", ["r2", "r0"], ["s"]),
        helper.make_node("GlobalAveragePool", ["s"], ["g"], "all_rows"),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "v", "k"], ["y"], transB=1),
    ]
    value = lambda key, shape: helper.make_tensor_value_info(key, TensorProto.FLOAT, shape)
    constants = [numpy_helper.from_array(array, key) for key, array in tensors.items()]
    graph = helper.make_graph(nodes, name, [value("x", (1, sensors, steps))], [value("y", (1, classes))], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], producer_name="kinglet cases")
    model.ir_version = 8
    movement = lambda: sway(rng, steps, sensors).T[None]
    calib, x = np.concatenate([movement() for _ in range(64)]), movement()
    right = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    wanted = {"expect": "sqnr_db", "at_least": 25, "integer": True}
    return name, "convolutions over a gesture, int8", model.SerializeToString(), calib, [x], right, wanted


def recurrent_int8_cases():
    """ONNX with calibration data."""
    yield gesture("gesture_lstm", "LSTM", 4, "int8 with a cell state of int16")
    yield gesture("gesture_gru", "GRU", 3, "int8 with a state of int16", linear_before_reset=1)
    yield gesture("gesture_rnn", "RNN", 1, "int8")
    yield gesture_convolutions("gesture_convolutions")


def recurrent_onnx_cases():
    """All of ONNX: name, situation, model, inputs, outputs, what is right."""
    yield onnx_case("lstm_both_directions", "LSTM in both directions, with states", "LSTM", 4, ["y", "h", "c"],
                    ("h0", "c0"), 2, direction="bidirectional")
    yield onnx_case("lstm_last_state", "LSTM of whose results the last state is read", "LSTM", 4, ["", "h"], clip=0.7)
    yield onnx_case("gru_reversed", "GRU from the last step on", "GRU", 3, ["y", "h"], ("h0",), direction="reverse")
    yield onnx_case("gru_reset_behind", "GRU as PyTorch and Keras have it", "GRU", 3, ["y"], linear_before_reset=1)
    yield onnx_case("rnn_relu", "RNN with ReLU", "RNN", 1, ["y", "h"], directions=2, direction="bidirectional",
                    activations=["Relu", "Tanh"])


def recurrent_tflite_cases():
    """All of TensorFlow Lite."""
    yield lstm_f32("lstm_tflite_float")
    yield lstm_i8("lstm_tflite_int8", "UNIDIRECTIONAL_SEQUENCE_LSTM of int8")
    yield lstm_i8("lstm_tflite_int8_wide", "the same with a zero point and a cell state below one", -15, (0.0065, 11), time_major=True)
