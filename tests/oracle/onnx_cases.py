"""Cases of float ONNX models that are calibrated to int8, and of the same models as floats.

What is right is the formula on reals in double precision; int8 has to come near it.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from layer_cases import f32, f64, seeded

STRIDES, OUTPUT_PADDING, GROUPS = (2, 3), (1, 2), 2
# Rows above, columns to the left, rows below, columns to the right.
PADS, CUT = (1, 0, 1, 2), (1, 0, 0, 2)


def conv(x, w, b, pads):
    """Conv: `x [N, I, H, W]`, `w [O, I, KH, KW]`."""
    top, left, bottom, right = pads
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    rows, columns = (padded.shape[axis] - w.shape[axis] + 1 for axis in (2, 3))
    y = np.zeros((len(x), len(w), rows, columns)) + b[:, None, None]
    for row, column in np.ndindex(*w.shape[2:]):
        seen = padded[:, :, row : row + rows, column : column + columns]
        y += (seen[:, None] * w[None, :, :, row, column, None, None]).sum(axis=2)
    return y


def conv_transpose(x, w, b):
    """ConvTranspose: `x [N, I, H, W]`, `w [I, O / groups, KH, KW]`; every pixel adds its kernel to the result."""
    _, depth, height, width = x.shape
    each_in, each_out = depth // GROUPS, w.shape[1]
    along = zip((height, width), STRIDES, w.shape[2:], OUTPUT_PADDING)
    spans = [(extent - 1) * step + taps + more for extent, step, taps, more in along]
    y = np.zeros((len(x), GROUPS * each_out, *spans))
    for channel, row, column in np.ndindex(depth, height, width):
        group = channel // each_in
        top, left = row * STRIDES[0], column * STRIDES[1]
        kernel = x[:, channel, row, column, None, None, None] * w[None, channel]
        y[:, group * each_out : (group + 1) * each_out, top : top + w.shape[2], left : left + w.shape[3]] += kernel
    return y[:, :, CUT[0] : spans[0] - CUT[2], CUT[1] : spans[1] - CUT[3]] + b[:, None, None]


def upsampling():
    """Conv and Relu, ConvTranspose, Conv: the model file, and the function that it is on reals."""
    rng = seeded("upsampling")

    def weights(*shape, fan_in):
        return rng.normal(0, fan_in**-0.5, shape).astype(f32)

    constants = {
        "w0": weights(6, 3, 3, 3, fan_in=27),
        "b0": weights(6, fan_in=4),
        "w1": weights(6, 4, 4, 3, fan_in=6),
        "b1": weights(8, fan_in=4),
        "w2": weights(2, 8, 3, 3, fan_in=72),
        "b2": weights(2, fan_in=4),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w0", "b0"], ["a"], name="narrow", pads=PADS),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node(
            "ConvTranspose",
            ["b", "w1", "b1"],
            ["c"],
            name="widen",
            strides=STRIDES,
            group=GROUPS,
            pads=CUT,
            output_padding=OUTPUT_PADDING,
        ),
        helper.make_node("Conv", ["c", "w2", "b2"], ["y"], name="mix", pads=PADS),
    ]

    def run(x):
        constant = {name: array.astype(f64) for name, array in constants.items()}
        hidden = np.maximum(conv(x.astype(f64), constant["w0"], constant["b0"], PADS), 0)
        wide = conv_transpose(hidden, constant["w1"], constant["b1"])
        return conv(wide, constant["w2"], constant["b2"], PADS).astype(f32)

    shape = [1, 3, 5, 6]
    result = list(run(np.zeros(shape)).shape)
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "upsampling",
        [info("x", TensorProto.FLOAT, shape)],
        [info("y", TensorProto.FLOAT, result)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="kinglet cases")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(), run


def onnx_cases():
    """Name, situation, model file, calibration data or None, inputs, outputs, and `expect` with what belongs to it."""
    model, run = upsampling()
    rng = seeded("upsampling data")
    calib, x = (rng.normal(0, 1, (count, 3, 5, 6)).astype(f32) for count in (24, 8))
    situation = "ConvTranspose in groups, with strides, pads and output_padding"
    right = {"expect": "sqnr_db", "at_least": 30, "integer": True}
    yield "conv_transpose_calibrated", f"{situation}, calibrated", model, calib, [x], [run(x)], right
    right = {"expect": "reals", "relative": 1e-5}
    yield "conv_transpose_float", f"{situation}, as floats", model, None, [x], [run(x)], right
