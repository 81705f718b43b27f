"""A network as a list of steps, built once for Keras (to train) and once for ONNX (to ship).

Writing the ONNX file by hand from the trained weights keeps every batch normalisation as its own node, which an
exporter would fold away: folding is the compiler's work and the examples are there to show it.

A step is `(kind, parameters)`:

    ("conv", {"filters", "kernel", "stride"})   no bias, padding "same"
    ("depthwise", {"kernel", "stride"})         no bias, padding "same"
    ("norm", {}) ("relu", {})
    ("max_pool", {"size"}) ("global_average", {}) ("dense", {"units"}) ("softmax", {})
    ("mark", {}) ("add_mark", {})               remember a value; add it again (a residual connection)
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

EPSILON = 1e-3


def build_keras(steps, shape):
    """The Keras model for an input of `shape` (height, width, channels)."""
    import keras
    from keras import layers

    value = inputs = keras.Input(shape)
    mark = None
    for index, (kind, p) in enumerate(steps):
        name = f"{kind}_{index}"
        if kind == "conv":
            layer = layers.Conv2D(p["filters"], p["kernel"], p["stride"], "same", use_bias=False, name=name)
        elif kind == "depthwise":
            layer = layers.DepthwiseConv2D(p["kernel"], p["stride"], "same", use_bias=False, name=name)
        elif kind == "norm":
            layer = layers.BatchNormalization(epsilon=EPSILON, momentum=0.9, name=name)
        elif kind == "relu":
            layer = layers.ReLU(name=name)
        elif kind == "max_pool":
            layer = layers.MaxPooling2D(p["size"], name=name)
        elif kind == "global_average":
            layer = layers.GlobalAveragePooling2D(name=name)
        elif kind == "dense":
            layer = layers.Dense(p["units"], name=name)
        elif kind == "softmax":
            layer = layers.Softmax(name=name)
        elif kind == "mark":
            mark = value
            continue
        elif kind == "add_mark":
            value = layers.Add(name=name)([value, mark])
            continue
        else:
            raise ValueError(kind)
        value = layer(value)
    return keras.Model(inputs, value)


class OnnxWriter:
    """Collects nodes and weights; `value` is the name of the tensor that the next node reads."""

    def __init__(self, shape):
        self.size = list(shape[:2])
        self.value, self.mark = "input", None
        self.nodes, self.weights = [], []

    def constant(self, name, array):
        """Adds a weight and returns its name."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    def node(self, kind, name, inputs=(), **attributes):
        """Adds a node that reads the current value and `inputs`; its output becomes the current value."""
        self.nodes.append(helper.make_node(kind, [self.value, *inputs], [name], name=name, **attributes))
        self.value = name

    def window(self, kernel, stride):
        """Attributes of a window with TensorFlow's "same" padding; updates the image size."""
        before, after = [], []
        for axis in (0, 1):
            out = -(-self.size[axis] // stride)
            total = max(0, (out - 1) * stride + kernel - self.size[axis])
            before.append(total // 2)
            after.append(total - total // 2)
            self.size[axis] = out
        return {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": before + after}

    def step(self, name, kind, p, weights):
        """Adds one step; `weights` are the Keras layer's."""
        if kind == "conv":
            w = self.constant(f"{name}_w", weights[0].transpose(3, 2, 0, 1))
            self.node("Conv", name, [w], **self.window(p["kernel"], p["stride"]))
        elif kind == "depthwise":
            w = self.constant(f"{name}_w", weights[0].transpose(2, 3, 0, 1))
            self.node("Conv", name, [w], group=weights[0].shape[2], **self.window(p["kernel"], p["stride"]))
        elif kind == "norm":
            names = [self.constant(f"{name}_{part}", w) for part, w in zip(("scale", "shift", "mean", "variance"), weights)]
            self.node("BatchNormalization", name, names, epsilon=EPSILON)
        elif kind == "relu":
            self.node("Relu", name)
        elif kind == "max_pool":
            self.node("MaxPool", name, kernel_shape=[p["size"]] * 2, strides=[p["size"]] * 2)
            self.size = [extent // p["size"] for extent in self.size]
        elif kind == "global_average":
            self.node("GlobalAveragePool", name)
            self.node("Flatten", f"{name}_flat", axis=1)
        elif kind == "dense":
            w, b = self.constant(f"{name}_w", weights[0].T), self.constant(f"{name}_b", weights[1])
            self.node("Gemm", name, [w, b], transB=1)
        elif kind == "softmax":
            self.node("Softmax", name, axis=1)
        elif kind == "mark":
            self.mark = self.value
        elif kind == "add_mark":
            self.node("Add", name, [self.mark])


def write_onnx(path, steps, shape, model, doc):
    """Writes the trained `model` as ONNX opset 13: NCHW, any batch, input `input`, output `output`."""
    writer = OnnxWriter(shape)
    for index, (kind, p) in enumerate(steps):
        name = f"{kind}_{index}"
        known = [layer for layer in model.layers if layer.name == name]
        writer.step(name, kind, p, known[0].get_weights() if known else [])
    writer.nodes[-1].output[0] = "output"
    height, width, channels = shape
    graph = helper.make_graph(
        writer.nodes,
        path.parent.name,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", channels, height, width])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", model.output_shape[-1]])],
        writer.weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="kinglet examples", doc_string=doc)
    made.ir_version = 8
    onnx.checker.check_model(made, full_check=True)
    path.write_bytes(made.SerializeToString())


def write_tflite(path, model, calibration):
    """Converts with TensorFlow's converter: to int8, calibrated, when samples are given; else float32."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = tf.TensorSpec([1, *model.input_shape[1:]], tf.float32, name="input")
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec)
    # Keras 3 variables are not frozen by the converter itself.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(function)])
    if calibration is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None].astype(np.float32)] for image in calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    path.write_bytes(converter.convert())


def onnx_accuracy(path, images, labels):
    """Share of right answers of the file itself, run by ONNX's reference evaluator."""
    from onnx.reference import ReferenceEvaluator

    session = ReferenceEvaluator(str(path))
    answers = [session.run(None, {"input": part.astype(np.float32)})[0].argmax(1) for part in np.array_split(images, 20)]
    return float((np.concatenate(answers) == labels).mean())


def tflite_accuracy(path, images, labels):
    """Share of right answers of an int8 file under TensorFlow Lite's interpreter; `images` are uint8 NHWC."""
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(str(path), experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    right = 0
    for image, label in zip(images, labels):
        value = image[None].astype(np.float32)
        if source["dtype"] == np.int8:
            scale, zero_point = source["quantization"]
            value = np.clip(np.round(value / scale) + zero_point, -128, 127).astype(np.int8)
        interpreter.set_tensor(source["index"], value)
        interpreter.invoke()
        right += int(interpreter.get_tensor(sink["index"]).argmax() == label)
    return right / len(labels)
