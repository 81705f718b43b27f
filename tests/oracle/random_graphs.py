#!/usr/bin/env python3
"""Random float graphs of ONNX operators as cases, with onnxruntime as the oracle.

    cargo xtask random-graphs --count 2000 --seed 7

A graph has one to three inputs and up to eight random nodes; every tensor that nothing reads is an output. What jumps (rounding,
comparisons, the largest of several) is applied to inputs only, where both sides see the same numbers. Graphs that onnxruntime
refuses, and results that are not finite, are drawn again.
"""

import argparse
import json
import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

RELATIVE = 1e-3
ELEMENTS_MAX = 20_000
OPSETS = [13, 14, 15, 16, 17, 18, 19, 20, 21, 22]

SMOOTH = ["Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Abs", "Neg", "Erf", "Elu", "Selu", "Celu", "LeakyRelu", "HardSigmoid",
          "HardSwish", "Identity", "Sin", "Cos", "Atan", "Mish", "Gelu", "ThresholdedRelu"]
SINCE = {"HardSwish": 14, "Mish": 18, "Gelu": 20, "LayerNormalization": 17, "GroupNormalization": 21}
JUMPING = ["Floor", "Ceil", "Round", "Sign"]
REDUCTIONS = ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"]


class Draw:
    """One graph while it is drawn."""

    def __init__(self, rng):
        self.rng = rng
        self.opset = int(rng.choice(OPSETS))
        self.nodes, self.constants, self.shapes, self.inputs, self.read = [], [], {}, {}, set()
        for index in range(rng.integers(1, 4)):
            shape = [int(extent) for extent in rng.integers(1, 9, rng.integers(1, 6))]
            self.inputs[f"in{index}"] = self.shapes[f"in{index}"] = shape

    def pick(self, choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, probability=0.5):
        return self.rng.random() < probability

    def constant(self, value):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weights(self, *shape):
        return self.constant(self.rng.normal(0, 0.5, shape).astype(np.float32))

    def integers(self, *values):
        return self.constant(np.array(values, np.int64))

    def tensor(self, ranks=range(1, 7), inputs_only=False):
        """A tensor of one of these ranks, or None."""
        names = [name for name, shape in self.shapes.items() if len(shape) in ranks and (name in self.inputs or not inputs_only)]
        return self.pick(names) if names else None

    def add(self, op, inputs, outputs=1, **attributes):
        names = [f"t{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        self.read.update(inputs)
        return names

    def infer(self):
        """Shapes of all results; False when the last node cannot be."""
        try:
            model = onnx.shape_inference.infer_shapes(self.model([]), strict_mode=True, data_prop=True)
        except Exception:
            return False
        known = {value.name: value.type.tensor_type for value in model.graph.value_info}
        for node in self.nodes:
            for name in node.output:
                if name not in known:
                    return False
                shape = [dim.dim_value for dim in known[name].shape.dim]
                if known[name].elem_type != TensorProto.FLOAT or not all(shape) or np.prod(shape, initial=1) > ELEMENTS_MAX:
                    return False
                self.shapes[name] = shape
        return True

    def model(self, outputs):
        port = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, self.shapes.get(name))
        graph = helper.make_graph(self.nodes, "random", [port(name) for name in self.inputs], [port(name) for name in outputs], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def smooth(d):
    op = d.pick(SMOOTH)
    if SINCE.get(op, 0) <= d.opset and (x := d.tensor()):
        return d.add(op, [x])


def jumping(d):
    if x := d.tensor(inputs_only=True):
        return d.add(d.pick(JUMPING), [x])


def positive(d):
    if x := d.tensor():
        [y] = d.add("Abs", [x])
        [y] = d.add("Add", [y, d.constant(np.float32(0.25))])
        return d.add(d.pick(["Sqrt", "Log", "Reciprocal"]), [y])


def binary(d):
    x = d.tensor()
    shape = list(d.shapes[x])
    others = [name for name, other in d.shapes.items() if all(a == b or 1 in (a, b) for a, b in zip(shape[::-1], other[::-1]))]
    if d.chance() and others:
        y = d.pick(others)
    else:
        shape = [1 if d.chance(0.4) else extent for extent in shape][d.rng.integers(0, len(shape)):]
        y = d.constant(d.rng.uniform(0.5, 2, shape).astype(np.float32))
    op = d.pick(["Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu"])
    if op == "Div" and not y.startswith("c"):
        op = "Sub"
    if op == "PRelu" and not y.startswith("c"):
        op = "Max"
    return d.add(op, [y, x] if op not in ("PRelu",) and d.chance(0.3) and op != "Div" else [x, y])


def power(d):
    if x := d.tensor():
        return d.add("Pow", [x, d.constant(np.float32(d.pick([2, 3])))])


def where(d):
    if x := d.tensor(inputs_only=True):
        [condition] = d.add(d.pick(["Greater", "Less", "GreaterOrEqual"]), [x, d.constant(np.float32(0.1))])
        return d.add("Where", [condition, x, d.constant(np.float32(-0.5))])


def clip(d):
    if x := d.tensor():
        low = float(d.rng.uniform(-1, 0))
        return d.add("Clip", [x, d.constant(np.float32(low)), d.constant(np.float32(low + d.rng.uniform(0.1, 3)))])


def softmax(d):
    x = d.tensor()
    return d.add(d.pick(["Softmax", "LogSoftmax"]), [x], axis=int(d.rng.integers(-len(d.shapes[x]), len(d.shapes[x]))))


def transpose(d):
    x = d.tensor(range(2, 7))
    return x and d.add("Transpose", [x], perm=[int(axis) for axis in d.rng.permutation(len(d.shapes[x]))])


def reshape(d):
    x = d.tensor()
    rest, shape = int(np.prod(d.shapes[x])), []
    while rest > 1 and len(shape) < 5:
        divisors = [n for n in range(1, rest + 1) if rest % n == 0]
        shape.append(int(d.pick(divisors)))
        rest //= shape[-1]
    shape = shape + [rest] if rest > 1 or not shape else shape
    if d.chance(0.3):
        shape[d.rng.integers(len(shape))] = -1
    return d.add("Reshape", [x, d.integers(*shape)])


def flatten(d):
    x = d.tensor()
    return d.add("Flatten", [x], axis=int(d.rng.integers(0, len(d.shapes[x]) + 1)))


def unsqueeze(d):
    x = d.tensor(range(1, 5))
    return x and d.add("Unsqueeze", [x, d.integers(int(d.rng.integers(0, len(d.shapes[x]) + 1)))])


def cut(d):
    x = d.tensor()
    axis = int(d.rng.integers(len(d.shapes[x])))
    extent = d.shapes[x][axis]
    begin, end = sorted(d.rng.integers(0, extent + 1, 2))
    if begin == end:
        return None
    if d.chance(0.3):
        return d.add("Slice", [x, d.integers(end - 1), d.integers(begin - 1 if begin else -extent - 1), d.integers(axis), d.integers(-1)])
    return d.add("Slice", [x, d.integers(begin), d.integers(end), d.integers(axis), d.integers(int(d.rng.integers(1, 3)))])


def split(d):
    x = d.tensor()
    axes = [axis for axis, extent in enumerate(d.shapes[x]) if extent > 1]
    if not axes:
        return None
    axis = int(d.pick(axes))
    first = int(d.rng.integers(1, d.shapes[x][axis]))
    return d.add("Split", [x, d.integers(first, d.shapes[x][axis] - first)], 2, axis=axis)


def concat(d):
    x = d.tensor()
    axis = int(d.rng.integers(len(d.shapes[x])))
    others = [name for name, shape in d.shapes.items() if len(shape) == len(d.shapes[x])
              and all(at == axis or shape[at] == d.shapes[x][at] for at in range(len(shape)))]
    parts = [d.pick(others) for _ in range(d.rng.integers(1, 4))]
    if d.chance(0.3):
        shape = list(d.shapes[x])
        shape[axis] = 2
        parts.append(d.weights(*shape))
    return d.add("Concat", parts, axis=axis)


def pad(d):
    x = d.tensor()
    rank = len(d.shapes[x])
    mode = d.pick(["constant", "reflect", "edge"])
    most = [3 if mode != "reflect" else extent for extent in d.shapes[x]]
    widths = [int(d.rng.integers(0, min(3, bound))) if bound else 0 for bound in most + most]
    inputs = [x, d.integers(*widths)]
    if mode == "constant" and d.chance():
        inputs.append(d.constant(np.float32(0.5)))
    return d.add("Pad", inputs, mode=mode) if rank else None


def tile(d):
    x = d.tensor(range(1, 5))
    return x and d.add("Tile", [x, d.integers(*d.rng.integers(1, 3, len(d.shapes[x])))])


def expand(d):
    x = d.tensor(range(1, 5))
    return x and d.add("Expand", [x, d.integers(*[3 if extent == 1 else extent for extent in d.shapes[x]])])


def gather(d):
    x = d.tensor()
    axis = int(d.rng.integers(len(d.shapes[x])))
    indices = d.rng.integers(-d.shapes[x][axis], d.shapes[x][axis], d.pick([(), (3,), (2, 2)]))
    return d.add("Gather", [x, d.constant(np.asarray(indices, np.int64))], axis=axis)


def depth_space(d):
    x = d.tensor([4])
    if not x:
        return None
    _, c, h, w = d.shapes[x]
    if c % 4 == 0:
        return d.add("DepthToSpace", [x], blocksize=2, mode=d.pick(["DCR", "CRD"]))
    return d.add("SpaceToDepth", [x], blocksize=2) if h % 2 == 0 and w % 2 == 0 else None


def resize(d):
    x = d.tensor([3, 4])
    if not x:
        return None
    scales = [1.0, 1.0] + [float(d.pick([0.5, 2.0, 1.5, 3.0])) for _ in d.shapes[x][2:]]
    mode = d.pick(["nearest", "linear"])
    coordinates = d.pick(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"])
    extra = {"nearest_mode": d.pick(["floor", "round_prefer_floor", "ceil"])} if mode == "nearest" else {}
    # Of a part of a pixel too much, align_corners counts the part in ONNX's cases and drops it in onnxruntime: whole extents here.
    wanted = [d.constant(np.array(scales, np.float32))]
    if coordinates == "align_corners":
        wanted = ["", d.integers(*(max(1, int(extent * scale)) for extent, scale in zip(d.shapes[x], scales, strict=True)))]
    return d.add("Resize", [x, "", *wanted], mode=mode, coordinate_transformation_mode=coordinates, **extra)


def reduction(d):
    x = d.tensor()
    rank, op = len(d.shapes[x]), d.pick(REDUCTIONS)
    axes = [int(axis) for axis in d.rng.choice(rank, d.rng.integers(1, rank + 1), replace=False)]
    keep = int(d.chance())
    if d.opset >= 18 or op == "ReduceSum":
        return d.add(op, [x, d.integers(*axes)], keepdims=keep)
    return d.add(op, [x], axes=axes, keepdims=keep)


def convolution(d):
    x = d.tensor([3, 4, 5])
    if not x:
        return None
    _, channels, *plane = d.shapes[x]
    groups = int(d.pick([n for n in range(1, channels + 1) if channels % n == 0]))
    kernel = [int(min(d.rng.integers(1, 4), extent)) for extent in plane]
    out = groups * int(d.rng.integers(1, 4))
    attributes = {"group": groups, "strides": [int(d.rng.integers(1, 3)) for _ in plane]}
    if d.chance():
        attributes["pads"] = [int(d.rng.integers(0, extent)) for extent in kernel + kernel]
    else:
        attributes["auto_pad"] = d.pick(["SAME_UPPER", "SAME_LOWER", "VALID"])
    transposed = len(plane) < 3 and d.chance(0.3)
    if transposed:
        attributes.pop("auto_pad", None)
        weights = d.weights(channels, out // groups, *kernel)
    else:
        weights = d.weights(out, channels // groups, *kernel)
    return d.add("ConvTranspose" if transposed else "Conv", [x, weights, d.weights(out)], **attributes)


def pool(d):
    x = d.tensor([3, 4, 5])
    if not x:
        return None
    op = d.pick(["MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"])
    if op.startswith("Global"):
        return d.add(op, [x])
    plane = d.shapes[x][2:]
    kernel = [int(min(d.rng.integers(1, 4), extent)) for extent in plane]
    attributes = {"kernel_shape": kernel, "strides": [int(d.rng.integers(1, 3)) for _ in plane], "ceil_mode": int(d.chance(0.3))}
    if d.chance():
        attributes["pads"] = [int(d.rng.integers(0, extent)) for extent in kernel + kernel]
    if op == "AveragePool":
        attributes["count_include_pad"] = int(d.chance())
    return d.add(op, [x], **attributes)


def product(d):
    x = d.tensor(range(2, 5))
    if not x:
        return None
    columns = d.shapes[x][-1]
    if len(d.shapes[x]) == 2 and d.chance():
        transposed = int(d.chance())
        shape = (5, columns) if transposed else (columns, 5)
        return d.add("Gemm", [x, d.weights(*shape), d.weights(5)], transB=transposed, alpha=float(d.rng.uniform(0.5, 2)), beta=0.5)
    if d.chance():
        return d.add("MatMul", [x, d.weights(columns, 4)])
    order = list(range(len(d.shapes[x])))
    order[-2:] = order[:-3:-1]
    [y] = d.add("Transpose", [x], perm=order)
    return d.add("MatMul", [x, y])


def normalization(d):
    x = d.tensor([3, 4, 5])
    if not x:
        return None
    channels = d.shapes[x][1]
    op = d.pick(["BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization", "LRN", "LpNormalization"])
    if SINCE.get(op, 0) > d.opset:
        return None
    vector = lambda: d.constant(d.rng.uniform(0.5, 1.5, channels).astype(np.float32))
    if op == "BatchNormalization":
        return d.add(op, [x, vector(), vector(), vector(), vector()])
    if op == "LayerNormalization":
        depth = d.shapes[x][-1]
        return d.add(op, [x, d.weights(depth), d.weights(depth)])
    if op == "GroupNormalization":
        return d.add(op, [x, vector(), vector()], num_groups=1)
    if op == "LRN":
        return d.add(op, [x], size=3) if len(d.shapes[x]) == 4 else None
    if op == "LpNormalization":
        return d.add(op, [x], axis=-1, p=int(d.pick([1, 2])))
    return d.add(op, [x, vector(), vector()])


def running_sum(d):
    x = d.tensor()
    axis = d.constant(np.int64(d.rng.integers(len(d.shapes[x]))))
    return d.add("CumSum", [x, axis], exclusive=int(d.chance()), reverse=int(d.chance()))


KINDS = [smooth, smooth, smooth, jumping, positive, binary, binary, power, where, clip, softmax, transpose, transpose, reshape, flatten, unsqueeze, cut,
         split, concat, pad, tile, expand, gather, depth_space, resize, reduction, reduction, convolution, convolution, pool, product, normalization,
         running_sum]


def draw(rng):
    """A graph that shape inference accepts."""
    d = Draw(rng)
    wanted = rng.integers(1, 9)
    while len(d.nodes) < wanted:
        before = (len(d.nodes), len(d.constants), set(d.read))
        if not d.pick(KINDS)(d) or not d.infer():
            d.nodes, d.constants, d.read = d.nodes[: before[0]], d.constants[: before[1]], before[2]
            made = {name for node in d.nodes for name in node.output}
            d.shapes = {name: shape for name, shape in d.shapes.items() if name in made or name in d.inputs}
    return d


def write(d, folder):
    """Writes the graph as a case; False when it has no oracle."""
    results = [name for node in d.nodes for name in node.output]
    outputs = [name for name in results if name not in d.read]
    d.inputs = {name: shape for name, shape in d.inputs.items() if name in d.read}
    model = d.model(outputs)
    arrays = {name: d.rng.normal(0, 1, shape).astype(np.float32) for name, shape in d.inputs.items()}
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        right = session.run(None, arrays)
    except Exception:
        return False
    if not all(np.isfinite(value).all() and value.size for value in right):
        return False
    folder.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")
    for index, value in enumerate(arrays.values()):
        np.save(folder / f"input{index}.npy", value)
    for index, value in enumerate(right):
        np.save(folder / f"output{index}.npy", value)
    case = {"situation": " ".join(node.op_type for node in d.nodes), "source": "random", "model": "model.onnx",
            "inputs": [f"input{index}.npy" for index in range(len(arrays))], "outputs": [f"output{index}.npy" for index in range(len(right))],
            "expect": "reals", "relative": RELATIVE, "when": "operators"}
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="where to write the cases")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng, written = np.random.default_rng(arguments.seed), 0
    while written < arguments.count:
        written += write(draw(rng), arguments.folder / f"graph{written:05}")
    print(f"{written} graphs")


if __name__ == "__main__":
    main()
