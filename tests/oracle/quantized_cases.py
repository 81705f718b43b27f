"""Cases of quantized ONNX models, as exporters write them: codes within one of onnxruntime's, and no operator on floats.

onnxruntime runs them without graph optimizations, so that each node computes what its definition says.
"""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from layer_cases import f32, seeded

UINT8, INT8 = np.uint8, np.int8


class Net:
    """A model under construction."""

    def __init__(self, name):
        self.rng = seeded(name)
        self.nodes, self.constants, self.inputs = [], [], []

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def input(self, shape, element=TensorProto.FLOAT):
        name = f"x{len(self.inputs)}"
        self.inputs.append(helper.make_tensor_value_info(name, element, shape))
        return name

    def node(self, kind, operands, domain="", **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, operands, [name], name=f"{kind}_{name}", domain=domain, **attributes))
        return name

    def parameters(self, scale, zero):
        return [self.constant(f32(scale)), self.constant(zero)]

    def quantized(self, x, scale, zero):
        return self.node("QuantizeLinear", [x, *self.parameters(scale, zero)])

    def reals(self, x, scale, zero, **axis):
        return self.node("DequantizeLinear", [x, *self.parameters(scale, zero)], **axis)

    def through(self, x, scale, zero):
        """Quantized and back."""
        return self.reals(self.quantized(x, scale, zero), scale, zero)

    def codes(self, shape, element):
        info = np.iinfo(element)
        return self.rng.integers(info.min, info.max + 1, shape).astype(element)

    def weights(self, shape, scale=0.01, zero=INT8(0), channels=None):
        """Weights of one scale, or of one for each index of axis `channels`."""
        codes = self.constant(self.codes(shape, zero.dtype.type))
        if channels is None:
            return self.reals(codes, scale, zero)
        scales = (scale * self.rng.uniform(0.5, 2, shape[channels])).astype(f32)
        return self.reals(codes, scales, np.full(shape[channels], zero), axis=channels)

    def biases(self, count, scale=0.0003):
        return self.reals(self.constant(self.rng.integers(-2000, 2000, count).astype(np.int32)), scale, np.int32(0))

    def finished(self, output, element, opset=17):
        """The model's bytes, an input, and the right codes, or numbers."""
        code = {UINT8: TensorProto.UINT8, INT8: TensorProto.INT8, f32: TensorProto.FLOAT}[element]
        outputs = [helper.make_tensor_value_info(output, code, None)]
        graph = helper.make_graph(self.nodes, "quantized", self.inputs, outputs, self.constants)
        sets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=sets, producer_name="kinglet cases")
        model.ir_version = 8 if opset < 21 else 10
        data = model.SerializeToString()
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        feeds = {port.name: self.sample(port) for port in self.inputs}
        return data, list(feeds.values()), session.run(None, feeds)[0]

    def sample(self, port):
        shape = [extent.dim_value for extent in port.type.tensor_type.shape.dim]
        if port.type.tensor_type.elem_type == TensorProto.UINT8:
            return self.codes(shape, UINT8)
        return self.rng.normal(0, 1, shape).astype(f32)


def convolution(net, zero, channels, group=1):
    x = net.through(net.input([1, 4, 9, 9]), 0.03, UINT8(120))
    w = net.weights((8, 4 // group, 3, 3), zero=zero, channels=channels)
    y = net.node("Conv", [x, w, net.biases(8)], pads=[1, 1, 1, 1], group=group)
    return net.quantized(net.node("Relu", [y]), 0.1, UINT8(0)), UINT8


def mobile_block(net):
    """A residual block with a depthwise layer, a mean and a dense layer."""
    x = net.through(net.input([1, 6, 8, 8]), 0.03, INT8(-3))
    y = net.node("Conv", [x, net.weights((12, 6, 1, 1), channels=0), net.biases(12)])
    y = net.through(net.node("Clip", [y, net.constant(f32(0)), net.constant(f32(6))]), 6 / 255, INT8(-128))
    y = net.node("Conv", [y, net.weights((12, 1, 3, 3), channels=0), net.biases(12)], pads=[1, 1, 1, 1], group=12)
    y = net.through(net.node("Relu", [y]), 0.05, INT8(-128))
    y = net.through(net.node("Conv", [y, net.weights((6, 12, 1, 1), channels=0), net.biases(6)]), 0.08, INT8(4))
    y = net.through(net.node("Add", [x, y]), 0.09, INT8(2))
    y = net.through(net.node("GlobalAveragePool", [y]), 0.02, INT8(1))
    y = net.through(net.node("Flatten", [y]), 0.02, INT8(1))
    y = net.node("Gemm", [y, net.weights((5, 6), channels=0), net.biases(5, 0.0002)], transB=1)
    return net.quantized(y, 0.05, INT8(7)), INT8


def functions(net):
    """SiLU, and HardSwish by its parts: two tables."""
    x = net.through(net.input([1, 3, 5, 5]), 0.04, UINT8(130))
    x = net.through(net.node("Mul", [x, net.node("Sigmoid", [x])]), 0.02, UINT8(14))
    y = net.node("Add", [x, net.constant(f32(3))])
    y = net.node("Clip", [y, net.constant(f32(0)), net.constant(f32(6))])
    y = net.node("Mul", [x, net.node("Div", [y, net.constant(f32(6))])])
    return net.quantized(y, 0.02, UINT8(18)), UINT8


def joined(net):
    """Operands of other scales than the result, a negated one among them, and moves without a quantization between."""
    x = net.through(net.input([1, 4, 5, 5]), 0.03, UINT8(100))
    y = net.node("Sub", [net.through(net.input([1, 4, 5, 5]), 0.02, UINT8(90)), x])
    y = net.node("Concat", [x, net.through(y, 0.05, UINT8(120))], axis=1)
    y = net.node("Reshape", [net.through(y, 0.04, UINT8(110)), net.constant(np.int64([1, 8, 25]))])
    return net.quantized(net.node("Transpose", [y], perm=[0, 2, 1]), 0.04, UINT8(110)), UINT8


def products(net):
    """MatMul by transposed weights, a bias added behind it, and Softmax."""
    x = net.through(net.input([1, 5, 12]), 0.03, INT8(5))
    w = net.node("Transpose", [net.weights((7, 12), zero=INT8(-9), channels=0)], perm=[1, 0])
    y = net.node("Add", [net.node("MatMul", [x, w]), net.constant(net.rng.normal(0, 1, 7).astype(f32))])
    y = net.node("Softmax", [net.through(y, 0.06, INT8(1))], axis=-1)
    return net.quantized(y, 1 / 255, INT8(-128)), INT8


def pools(net):
    """A mean whose result has a finer scale is rounded once."""
    x = net.node("MaxPool", [net.through(net.input([1, 3, 9, 9]), 0.04, UINT8(130))], kernel_shape=[2, 2])
    x = net.through(x, 0.04, UINT8(130))
    return net.quantized(net.node("AveragePool", [x], kernel_shape=[3, 3]), 0.015, UINT8(120)), UINT8


def on_codes(net):
    """The operators that onnxruntime writes, from an input of codes."""
    ms = {"domain": "com.microsoft"}
    ends = [net.parameters(0.03, UINT8(120)), net.parameters(0.1, UINT8(0)), net.parameters(0.2, UINT8(9))]
    x = net.input([1, 4, 9, 9], TensorProto.UINT8)
    w = [net.constant(net.codes((4, 4, 3, 3), INT8)), net.constant(f32([0.01, 0.02, 0.005, 0.01]))]
    w.append(net.constant(np.zeros(4, INT8)))
    bias = net.constant(net.rng.integers(-900, 900, 4).astype(np.int32))
    y = net.node("QLinearConv", [x, *ends[0], *w, *ends[1], bias], pads=[1, 1, 1, 1])
    y = net.node("QLinearAdd", [x, *ends[0], y, *ends[1], *ends[2]], **ms)
    y = net.node("MaxPool", [y], kernel_shape=[3, 3], strides=[3, 3])
    y = net.node("Flatten", [y])
    w = [net.constant(net.codes((5, 36), UINT8)), *net.parameters(0.004, UINT8(77))]
    bias = net.constant(net.rng.integers(-900, 900, 5).astype(np.int32))
    y = net.node("QGemm", [y, *ends[2], *w, bias, *net.parameters(0.5, UINT8(100))], transB=1, **ms)
    return net.node("QLinearSigmoid", [y, *net.parameters(0.5, UINT8(100)), *net.parameters(1 / 256, UINT8(0))], **ms), UINT8


CASES = {
    "qdq_conv": ("Conv and Relu, int8 weights with a scale for each channel", lambda n: convolution(n, INT8(0), 0)),
    "qdq_conv_asymmetric": ("weights with a zero point", lambda n: convolution(n, UINT8(31), None)),
    "qdq_depthwise_asymmetric": ("depthwise weights with a zero point", lambda n: convolution(n, INT8(90), 0, 4)),
    "qdq_mobile_block": ("a residual block, a mean and a dense layer", mobile_block),
    "qdq_functions": ("functions without a quantization between", functions),
    "qdq_joined": ("Sub, Concat, Reshape and Transpose between scales", joined),
    "qdq_products": ("MatMul with a bias behind it, Softmax", products),
    "qdq_pools": ("MaxPool, then AveragePool into a finer scale", pools),
    "qoperator": ("QLinearConv, QLinearAdd, QGemm, QLinearSigmoid from uint8", on_codes),
}


def quantized_cases():
    """Name, situation, model file, inputs, outputs, and `expect` with what belongs to it."""
    for name, (situation, build) in CASES.items():
        net = Net(name)
        data, inputs, right = net.finished(*build(net))
        expect = {"expect": "codes", "at_most_apart": 1, "integer": True, "oracle": "onnxruntime"}
        yield name, f"quantized ONNX: {situation}", data, inputs, [right], expect
