"""What an int8 operator means: its formula on real numbers, rounded once to the result's codes.

No implementation computes this to the bit. It is what tells a difference in rounding (a code or two) from a difference in
meaning, where an implementation does not rescale, clamp or broadcast.
"""

import numpy as np

from formulas import padding
from tflite_build import NONE, RELU6

f64 = np.float64


def reals(tensor, codes):
    """The numbers that codes stand for; floats are themselves."""
    if tensor.scale is None:
        return codes.astype(f64)
    return (codes.astype(f64) - tensor.z) * f64(tensor.s)


def codes_of(tensor, values):
    """The codes of numbers, halves away from zero; floats stay floats."""
    if tensor.scale is None:
        return values
    scaled = values / f64(tensor.s)
    rounded = np.trunc(scaled + np.copysign(0.5, scaled))
    return np.clip(rounded + tensor.z, -128, 127)


def activate(values, activation):
    """The fused activation."""
    if activation == NONE:
        return values
    return np.clip(values, 0, 6 if activation == RELU6 else np.inf)


def weights_of(tensor):
    """Weights as numbers, with a scale for all or for each channel."""
    axis = [1] * tensor.data.ndim
    axis[tensor.axis if len(tensor.scale) > 1 else 0] = -1
    return tensor.data.astype(f64) * tensor.scale.astype(f64).reshape(axis)


def bias_of(model, channels):
    """The bias as numbers, in the unit of input times weights: no kernel reads its own scale."""
    x, w = model.inputs[:2]
    if len(model.inputs) < 3:
        return np.zeros(channels)
    return model.inputs[2].data.astype(f64) * f64(x.s) * np.broadcast_to(w.scale, channels).astype(f64)


def convolution(model, data):
    """CONV_2D and DEPTHWISE_CONV_2D."""
    w, o, y = model.inputs[1], model.options, model.output
    depthwise = model.operator == "DEPTHWISE_CONV_2D"
    image, taps = reals(model.inputs[0], data[0]), weights_of(w)
    _, height, width, depth = image.shape
    kernel, channels = w.shape[1:3], y.shape[3]
    dilation = o.get("dilationHFactor", 1), o.get("dilationWFactor", 1)
    _, top = padding(o["padding"], height, kernel[0], o["strideH"], dilation[0])
    _, left = padding(o["padding"], width, kernel[1], o["strideW"], dilation[1])
    result = np.zeros(y.shape)
    for n, oy, ox, c in np.ndindex(*y.shape):
        for ky, kx in np.ndindex(*kernel):
            iy, ix = oy * o["strideH"] - top + ky * dilation[0], ox * o["strideW"] - left + kx * dilation[1]
            if not (0 <= iy < height and 0 <= ix < width):
                continue
            if depthwise:
                result[n, oy, ox, c] += taps[0, ky, kx, c] * image[n, iy, ix, c // (channels // depth)]
            else:
                span = w.shape[3]
                first = c // (channels // (depth // span)) * span
                result[n, oy, ox, c] += taps[c, ky, kx] @ image[n, iy, ix, first : first + span]
    return result + bias_of(model, channels)


def pool(model, data):
    """AVERAGE_POOL_2D and MAX_POOL_2D."""
    o, image = model.options, reals(model.inputs[0], data[0])
    _, top = padding(o["padding"], image.shape[1], o["filterHeight"], o["strideH"])
    _, left = padding(o["padding"], image.shape[2], o["filterWidth"], o["strideW"])
    result = np.zeros(model.output.shape)
    for n, oy, ox, c in np.ndindex(*result.shape):
        y0, x0 = oy * o["strideH"] - top, ox * o["strideW"] - left
        patch = image[n, max(y0, 0) : y0 + o["filterHeight"], max(x0, 0) : x0 + o["filterWidth"], c]
        result[n, oy, ox, c] = patch.max() if model.operator == "MAX_POOL_2D" else patch.mean()
    return result


def softmax(model, data):
    """SOFTMAX over the last axis."""
    x = reals(model.inputs[0], data[0]) * model.options["beta"]
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def exact(model, data):
    """The operator on numbers, without its fused activation."""
    x = model.inputs[0]
    given = iter(data)
    operands = [reals(t, t.data if t.data is not None else next(given)) for t in model.inputs if t.dtype != np.int32]
    match model.operator:
        case "CONV_2D" | "DEPTHWISE_CONV_2D":
            return convolution(model, data)
        case "FULLY_CONNECTED":
            w = model.inputs[1]
            rows = reals(x, data[0]).reshape(-1, w.shape[1]) @ weights_of(w).T
            return (rows + bias_of(model, w.shape[0])).reshape(model.output.shape)
        case "AVERAGE_POOL_2D" | "MAX_POOL_2D":
            return pool(model, data)
        case "ADD":
            return operands[0] + operands[1]
        case "MUL":
            return operands[0] * operands[1]
        case "SOFTMAX":
            return softmax(model, data)
        case "LOGISTIC":
            return 1 / (1 + np.exp(-operands[0]))
        case "TANH":
            return np.tanh(operands[0])
        case "MEAN":
            axes = {int(axis) % len(x.shape) for axis in model.inputs[1].data}
            return operands[0].mean(axis=tuple(axes)).reshape(model.output.shape)
        case "REDUCE_MAX":
            axes = {int(axis) % len(x.shape) for axis in model.inputs[1].data}
            return operands[0].max(axis=tuple(axes)).reshape(model.output.shape)
        case "RELU":
            return np.maximum(operands[0], 0)
        case "RELU6":
            return np.clip(operands[0], 0, 6)
        case "PAD":
            return np.pad(operands[0], model.inputs[1].data.tolist())
        case "CONCATENATION":
            return np.concatenate(operands, axis=model.options["axis"])
        case "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS":
            return operands[0].reshape(model.output.shape)
        case "QUANTIZE" | "DEQUANTIZE":
            return operands[0]
    raise ValueError(model.operator)


def run(model, data):
    """The result's codes, or its numbers when it is float."""
    values = activate(exact(model, data), model.options.get("fusedActivationFunction", NONE))
    return codes_of(model.output, values)
