"""Cases of ONNX operators that are taken apart into others, with onnxruntime as the oracle.

Layers with integer weights are among them: those that dequantize their weights only, and those that quantize their operands when the
model runs. Weights beside uint8 operands have seven bits, since onnxruntime's sums of pairs saturate on machines without VNNI.
"""

import numpy as np
from onnx import TensorProto, helper

from layer_cases import f32
from quantized_cases import INT8, UINT8, Net

MICROSOFT = {"domain": "com.microsoft"}


def narrow(net, *shape):
    return net.constant(net.rng.integers(-64, 64, shape).astype(INT8))


def dynamic(net, x, layer, weights, bias, **attributes):
    """A layer as onnxruntime's dynamic quantization writes it."""
    codes, scale, zero = (f"{x}_{part}" for part in ("codes", "scale", "zero"))
    net.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], [codes, scale, zero], name=f"quantize_{x}"))
    y = net.node(layer, [codes, weights, zero, net.constant(INT8(3))], **attributes)
    y = net.node("Cast", [y], to=TensorProto.FLOAT)
    y = net.node("Mul", [y, net.node("Mul", [scale, net.constant(f32(0.01))])])
    return net.node("Relu", [net.node("Add", [y, net.constant(bias)])])


def dynamic_layers(net):
    bias = net.rng.normal(0, 0.5, (1, 6, 1, 1)).astype(f32)
    y = dynamic(net, net.input([1, 3, 7, 7]), "ConvInteger", narrow(net, 6, 3, 3, 3), bias, pads=[1, 1, 1, 1], strides=[2, 2])
    y = net.node("Flatten", [y])
    return dynamic(net, y, "MatMulInteger", narrow(net, 96, 5), net.rng.normal(0, 0.5, 5).astype(f32))


def dynamic_product(net):
    """Both factors are computed."""
    names = {}
    for letter, shape in (("a", [1, 4, 6]), ("b", [1, 6, 5])):
        x = net.input(shape)
        names[letter] = [f"{letter}_{part}" for part in ("codes", "scale", "zero")]
        net.nodes.append(helper.make_node("DynamicQuantizeLinear", [net.node("Relu", [x])], names[letter], name=f"quantize_{letter}"))
    a, b = names["a"], names["b"]
    y = net.node("Cast", [net.node("MatMulInteger", [a[0], b[0], a[2], b[2]])], to=TensorProto.FLOAT)
    return net.node("Mul", [y, net.node("Mul", [a[1], b[1]])])


def weight_only(net):
    """Weights are dequantized, activations are floats; a batch normalization goes into the first layer."""
    y = net.node("Conv", [net.input([1, 4, 8, 8]), net.weights((8, 4, 3, 3), channels=0), net.biases(8)], pads=[1, 1, 1, 1])
    statistics = [net.rng.uniform(0.5, 1.5, 8), net.rng.normal(0, 1, 8), net.rng.normal(0, 1, 8), net.rng.uniform(0.5, 1.5, 8)]
    y = net.node("Relu", [net.node("BatchNormalization", [y, *(net.constant(each.astype(f32)) for each in statistics)])])
    y = net.node("Conv", [y, net.weights((8, 1, 3, 3), zero=np.uint8(131), channels=0)], group=8)
    y = net.node("Flatten", [y])
    y = net.node("Gemm", [y, net.weights((16, 288), channels=0), net.constant(f32(np.arange(16) / 8))], transB=1)
    return net.node("MatMul", [y, net.node("Transpose", [net.weights((7, 16), 0.02)], perm=[1, 0])])


def sum_before_codes(net):
    """A residual sum of a layer and codes, with no quantization between."""
    x = net.through(net.input([1, 4, 6, 6]), 0.03, INT8(-3))
    y = net.node("Conv", [x, net.weights((4, 4, 3, 3), channels=0), net.biases(4)], pads=[1, 1, 1, 1])
    y = net.through(net.node("Relu", [net.node("Add", [y, x])]), 0.05, INT8(-128))
    return net.node("Conv", [y, net.weights((3, 4, 1, 1), channels=0)])


def volume(net):
    w = net.constant(net.rng.normal(0, 0.3, (6, 2, 3, 2, 3)).astype(f32))
    b = net.constant(net.rng.normal(0, 1, 6).astype(f32))
    y = net.node("Conv", [net.input([1, 4, 7, 8, 6]), w, b], group=2, pads=[1, 0, 2, 0, 1, 0], strides=[2, 1, 1], dilations=[1, 2, 1])
    y = net.node("MaxPool", [y], kernel_shape=[2, 2, 2], pads=[0, 1, 0, 1, 0, 1])
    return net.node("AveragePool", [y], kernel_shape=[2, 3, 2], pads=[1, 1, 0, 0, 1, 1], strides=[1, 2, 1])


def gaps(net):
    x = net.input([1, 3, 9, 10])
    y = net.node("MaxPool", [x], kernel_shape=[2, 3], dilations=[3, 2], pads=[1, 1, 0, 2], strides=[1, 2])
    z = net.node("AveragePool", [x], kernel_shape=[2, 3], dilations=[3, 2], pads=[1, 1, 0, 2], strides=[1, 2])
    counted = net.node("AveragePool", [x], kernel_shape=[2, 3], dilations=[3, 2], pads=[1, 1, 0, 2], strides=[1, 2], count_include_pad=1)
    return net.node("Concat", [y, z, counted], axis=1)


def norms(net):
    x = net.input([1, 7, 6, 5])
    y = net.node("LRN", [x], size=5, alpha=0.3, beta=0.6, bias=1.5)
    y = net.node("Add", [y, net.node("LRN", [x], size=3)])
    y = net.node("LpPool", [y], kernel_shape=[2, 3], pads=[1, 1, 0, 1], p=3)
    return net.node("Mul", [y, net.node("GlobalLpPool", [y], p=2)])


def log_sums(net):
    x = net.node("Mul", [net.input([1, 4, 6]), net.constant(f32(80))])
    y = net.node("ReduceLogSumExp", [x], axes=[1], keepdims=0)
    return net.node("Add", [y, net.node("ReduceLogSumExp", [x], axes=[2, 1], keepdims=1)])


def wide_kernels(net):
    """Kernels of more than 255 taps, at steps of 1, 3 and 160."""
    x = net.input([1, 2, 700])
    parts = []
    for taps, step, pads in ((300, 1, [0, 0]), (256, 3, [5, 7]), (512, 160, [20, 0])):
        w = net.constant(net.rng.normal(0, taps**-0.5, (3, 2, taps)).astype(f32))
        b = net.constant(net.rng.normal(0, 1, 3).astype(f32))
        parts.append(net.node("Conv", [x, w, b], strides=[step], pads=pads))
    return net.node("Relu", [net.node("Concat", parts, axis=2)])


def computed_bounds(net):
    x = net.input([1, 5, 6])
    low = net.node("Reshape", [net.node("ReduceMean", [x], keepdims=0), net.constant(np.int64([]))])
    return net.node("Clip", [x, low, net.constant(f32(np.inf))])


def computed_branch(net):
    """Both branches run, and the condition chooses."""
    x = net.input([1, 6])
    mean = net.node("ReduceMean", [x], keepdims=1)
    condition = net.node("Greater", [mean, net.constant(f32([[0.1]]))])
    flat = net.node("Reshape", [condition, net.constant(np.int64([1]))])
    branches = {}
    for name, kind in (("then_branch", "Exp"), ("else_branch", "Neg")):
        result = helper.make_tensor_value_info(f"{name}_y", TensorProto.FLOAT, [1, 6])
        nodes = [helper.make_node(kind, [x], [f"{name}_y"], name=name)]
        branches[name] = helper.make_graph(nodes, name, [], [result])
    return net.node("If", [flat], **branches)


def microsoft(net):
    """What onnxruntime's optimizer writes of a transformer's layers."""
    x, vector = net.input([1, 5, 12]), lambda: net.constant(net.rng.normal(0, 1, 12).astype(f32))
    skip = net.node("Tanh", [x])
    y = net.node("SkipLayerNormalization", [x, skip, vector(), vector(), vector()], epsilon=1e-5, **MICROSOFT)
    y = net.node("BiasGelu", [y, vector()], **MICROSOFT)
    y = net.node("FastGelu", [y, vector()], **MICROSOFT)
    y = net.node("QuickGelu", [y], alpha=1.702, **MICROSOFT)
    y = net.node("SkipSimplifiedLayerNormalization", [y, x, vector()], epsilon=1e-5, **MICROSOFT)
    return net.node("FusedMatMul", [y, x], transB=1, alpha=0.5, **MICROSOFT)


def fused_layers(net):
    weights = lambda *shape: net.constant(net.rng.normal(0, 0.3, shape).astype(f32))
    y = net.node("FusedConv", [net.input([1, 3, 6, 6]), weights(4, 3, 3, 3), weights(4)], activation="LeakyRelu", activation_params=[0.2], **MICROSOFT)
    return net.node("FusedGemm", [net.node("Flatten", [y]), weights(5, 64), weights(5)], transB=1, activation="Relu", **MICROSOFT)


def rotary(net):
    """Two positions of heads as one axis, and a whole cache of angles."""
    at = np.arange(6)[:, None] * 10.0 ** -np.arange(4)
    angles = [net.constant(np.cos(at).astype(f32)), net.constant(np.sin(at).astype(f32))]
    positions = net.constant(np.int64([[1, 3, 4]]))
    y = net.node("RotaryEmbedding", [net.input([1, 3, 16]), positions, *angles], num_heads=2, **MICROSOFT)
    return net.node("RotaryEmbedding", [y, positions, *angles], num_heads=2, interleaved=1, **MICROSOFT)


def blocks(net):
    """Weights of 4 bits in blocks of inputs: with zero points and inputs that fill no block, and without; and in one block."""
    y = net.input([1, 3, 80])
    for depth, outputs, size, has_zeros in ((80, 24, 32, True), (24, 32, 16, False), (32, 5, 32, True)):
        count = -(-depth // size)
        operands = [net.constant(net.codes((outputs, count, size // 2), UINT8))]
        operands.append(net.constant(net.rng.uniform(0.01, 0.05, outputs * count).astype(f32)))
        if has_zeros:
            operands.append(net.constant(net.codes(outputs * -(-count // 2), UINT8)))
        y = net.node("MatMulNBits", [y, *operands], K=depth, N=outputs, bits=4, block_size=size, **MICROSOFT)
    return y


CASES = {
    "dynamic_layers": ("ConvInteger and MatMulInteger behind DynamicQuantizeLinear", dynamic_layers, 17),
    "dynamic_product": ("MatMulInteger of two computed factors", dynamic_product, 17),
    "weight_only": ("layers that dequantize their weights", weight_only, 17),
    "sum_before_codes": ("Conv and Add without a quantization between", sum_before_codes, 17),
    "volume": ("Conv, MaxPool and AveragePool of volumes", volume, 17),
    "gaps": ("pools with gaps between their taps", gaps, 19),
    "norms": ("LRN, LpPool, GlobalLpPool", norms, 17),
    "log_sums": ("ReduceLogSumExp of large numbers", log_sums, 17),
    "wide_kernels": ("kernels of more than 255 taps", wide_kernels, 17),
    "computed_bounds": ("Clip to a computed bound and to infinity", computed_bounds, 17),
    "computed_branch": ("If on a computed condition", computed_branch, 17),
    "microsoft": ("operators that onnxruntime's optimizer writes", microsoft, 17),
    "fused_layers": ("FusedConv and FusedGemm", fused_layers, 17),
    "blocks": ("MatMulNBits of 4 bits", blocks, 17),
    "rotary": ("RotaryEmbedding of com.microsoft", rotary, 17),
}


def composite_cases():
    """Name, situation, model file, inputs, outputs, and `expect` with what belongs to it."""
    for name, (situation, build, opset) in CASES.items():
        net = Net(name)
        data, inputs, right = net.finished(build(net), f32, opset)
        yield name, f"taken apart: {situation}", data, inputs, [right], {"expect": "reals", "relative": 1e-4, "oracle": "onnxruntime"}
