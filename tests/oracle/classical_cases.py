"""Cases of the domain `ai.onnx.ml`: trees of every kind, linear models, support vectors, what scales and encodes features.

Models are drawn; what is right is onnxruntime's. A class of a text is its place in the list of classes. What is refused is so by
its own reason.
"""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from layer_cases import f32, seeded

FEATURES = 4
ROWS = 24
ML = "ai.onnx.ml"
TEXTS = ["low", "middle", "high"]
BRANCHES = ["LEQ", "LT", "GTE", "GT", "EQ", "NEQ"]


def model(nodes, outputs, version=3, constants=()):
    """A file of nodes on `x [N, FEATURES]`."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, FEATURES])
    ports = [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs]
    opsets = [helper.make_opsetid(ML, version), helper.make_opsetid("", 17)]
    graph = helper.make_graph(nodes, "classical", [x], ports, list(constants))
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def rows(rng, missing=False):
    """Features on a grid, so that they meet thresholds; some of them NaN."""
    x = (rng.integers(-4, 5, (ROWS, FEATURES)) * 0.5).astype(f32)
    if missing:
        x[rng.random(x.shape) < 0.2] = np.nan
    return x


def right(proto, x):
    """What onnxruntime says about each row by itself."""
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    results = [session.run(None, {"x": row[None]}) for row in x]
    joined = [np.concatenate(parts) for parts in zip(*results)]
    places = np.vectorize(TEXTS.index, otypes=[np.int64])
    return [places(result) if result.dtype.kind == "O" else result for result in joined]


def forest(rng, modes, trees=4, depth=4):
    """Attributes of the nodes of random trees, and which of them are leaves."""
    names = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true")
    nodes, leaves = {f"nodes_{name}": [] for name in names}, []

    def grow(tree, number, left):
        is_leaf = left == 0 or (left < depth and rng.random() < 0.25)
        at = len(nodes["nodes_nodeids"])
        mode = "LEAF" if is_leaf else "BRANCH_" + str(rng.choice(modes))
        threshold = 0.0 if is_leaf else float(rng.integers(-3, 4)) * 0.5
        of = (tree, number, int(rng.integers(FEATURES)), mode, threshold, 0, 0, int(rng.integers(2)))
        for name, value in zip(names, of):
            nodes[f"nodes_{name}"].append(value)
        if is_leaf:
            leaves.append((tree, number))
            return number + 1
        nodes["nodes_truenodeids"][at] = number + 1
        behind = grow(tree, number + 1, left - 1)
        nodes["nodes_falsenodeids"][at] = behind
        return grow(tree, behind, left - 1)

    for tree in range(trees):
        grow(tree, 0, depth)
    return nodes, leaves


def said(rng, leaves, what, targets, positive=False):
    """What leaves say about each of some targets; of the classes of a tree when `targets` is a function."""
    lists = {f"{what}_{name}": [] for name in ("treeids", "nodeids", "ids", "weights")}
    for tree, node in leaves:
        for target in targets(tree) if callable(targets) else targets:
            weight = float(np.round(rng.normal(0, 0.5), 3))
            for name, value in zip(("treeids", "nodeids", "ids", "weights"), (tree, node, target, weight)):
                lists[f"{what}_{name}"].append(abs(value) if positive and name == "weights" else value)
    return lists


def regressors():
    """Every question and every way to put numbers together, with missing features."""
    for mode, aggregate, targets in (*((mode, "SUM", 1) for mode in BRANCHES), *(("mix", how, 3) for how in ("SUM", "AVERAGE", "MIN", "MAX"))):
        name = f"trees_{mode.lower()}_{aggregate.lower()}"
        rng = seeded(name)
        nodes, leaves = forest(rng, BRANCHES if mode == "mix" else [mode])
        base = {"base_values": [0.25] * targets} if mode == "mix" else {}
        lists = said(rng, leaves, "target", range(targets))
        node = helper.make_node(
            "TreeEnsembleRegressor", ["x"], ["y"], domain=ML, n_targets=targets, aggregate_function=aggregate, **nodes, **lists, **base
        )
        yield name, f"trees that ask {mode} and {aggregate}", model([node], [("y", TensorProto.FLOAT)]), rows(rng, missing=True)


def classifiers():
    """Forests as converters write them: one number of two classes, boosted classes, rows of probabilities."""
    for name, classes, targets, positive, transform in (
        ("two_boosted", 2, [0], False, "LOGISTIC"),
        ("two_probabilities", 2, [0], True, "NONE"),
        ("two_of_second", 2, [1], False, "NONE"),
        ("boosted", 3, lambda tree: [tree % 3], False, "SOFTMAX"),
        ("rows", 3, range(3), True, "NONE"),
        ("softmax_zero", 3, range(3), True, "SOFTMAX_ZERO"),
    ):
        for labels in ("integers", "texts"):
            rng = seeded(name)
            nodes, leaves = forest(rng, ["LEQ"], trees=6, depth=3)
            lists = said(rng, leaves, "class", targets, positive)
            label = {"classlabels_int64s": [7, -2, 5][:classes]} if labels == "integers" else {"classlabels_strings": TEXTS[:classes]}
            node = helper.make_node(
                "TreeEnsembleClassifier", ["x"], ["l", "y"], domain=ML, post_transform=transform, **nodes, **lists, **label
            )
            kind = TensorProto.INT64 if labels == "integers" else TensorProto.STRING
            ports = [("l", kind), ("y", TensorProto.FLOAT)]
            yield f"forest_{name}_{labels}", f"a forest: {name}, classes are {labels}", model([node], ports), rows(rng)


def newest():
    """The operator in which leaves stand apart, with a tree that is one leaf."""
    lists = {
        "tree_roots": [0, 2],
        "nodes_featureids": [0, 1, 2],
        "nodes_truenodeids": [1, 0, 2],
        "nodes_falsenodeids": [1, 1, 2],
        "nodes_trueleafs": [0, 1, 1],
        "nodes_falseleafs": [1, 1, 1],
        "leaf_targetids": [0, 1, 0],
        "nodes_splits": helper.make_tensor("splits", TensorProto.FLOAT, [3], [0.5, 0.0, -0.5]),
        "nodes_modes": helper.make_tensor("modes", TensorProto.UINT8, [3], [0, 1, 3]),
        "leaf_weights": helper.make_tensor("weights", TensorProto.FLOAT, [3], [1.5, -2.0, 0.5]),
    }
    for aggregate, name in enumerate(("average", "sum")):
        node = helper.make_node(
            "TreeEnsemble", ["x"], ["y"], domain=ML, n_targets=2, aggregate_function=aggregate, post_transform=0, **lists
        )
        yield f"tree_ensemble_{name}", f"TreeEnsemble, {name}", model([node], [("y", TensorProto.FLOAT)], 5), rows(seeded(name))


def floats(rng, *shape):
    """Short numbers for an attribute."""
    return [float(number) for number in np.round(rng.normal(size=int(np.prod(shape))), 2)]


def linear():
    """Linear models."""
    for scores, transform in ((1, "LOGISTIC"), (2, "NONE"), (3, "SOFTMAX"), (3, "SOFTMAX_ZERO")):
        name = f"linear_{scores}_{transform.lower()}"
        rng = seeded(name)
        node = helper.make_node(
            "LinearClassifier", ["x"], ["l", "y"], domain=ML, coefficients=floats(rng, scores, FEATURES), intercepts=floats(rng, scores),
            classlabels_strings=TEXTS[: max(scores, 2)], post_transform=transform,
        )  # fmt: skip
        ports = [("l", TensorProto.STRING), ("y", TensorProto.FLOAT)]
        yield name, f"a linear classifier of {scores} scores, {transform}", model([node], ports, 1), rows(rng)
    rng = seeded("linear_regressor")
    node = helper.make_node("LinearRegressor", ["x"], ["y"], domain=ML, coefficients=floats(rng, 2, FEATURES), intercepts=[1.0, -1.0], targets=2)
    yield "linear_regressor", "a linear regressor of two targets", model([node], [("y", TensorProto.FLOAT)], 1), rows(rng)


def support():
    """Support vectors with every kernel."""
    for kernel, degree in (("LINEAR", 0.0), ("POLY", 3.0), ("RBF", 0.0), ("SIGMOID", 0.0)):
        shared = {"domain": ML, "kernel_type": kernel, "kernel_params": [0.3, 0.5, degree]}
        for counts in ([4, 5], [2, 3, 4]):
            name = f"svc_{kernel.lower()}_{len(counts)}"
            rng, classes = seeded(name), len(counts)
            node = helper.make_node(
                "SVMClassifier", ["x"], ["l", "y"], support_vectors=floats(rng, 9, FEATURES), vectors_per_class=counts,
                coefficients=floats(rng, classes - 1, 9), rho=floats(rng, classes * (classes - 1) // 2),
                classlabels_ints=[4, 5, 9][:classes], **shared,
            )  # fmt: skip
            ports = [("l", TensorProto.INT64), ("y", TensorProto.FLOAT)]
            yield name, f"support vectors of {classes} classes, {kernel}", model([node], ports, 1), rows(rng)
        rng = seeded(f"svr_{kernel}")
        node = helper.make_node(
            "SVMRegressor", ["x"], ["y"], support_vectors=floats(rng, 9, FEATURES), coefficients=floats(rng, 9), rho=[0.2], n_supports=9,
            one_class=int(kernel == "RBF"), **shared,
        )  # fmt: skip
        yield f"svr_{kernel.lower()}", f"a sum over support vectors, {kernel}", model([node], [("y", TensorProto.FLOAT)], 1), rows(rng)


def features():
    """What scales, fills in, encodes and chooses features."""
    rng = seeded("features")
    far = rows(rng) + f32(1e4)
    offsets = {"offset": [1e4, 1e4, 1e4 + 1, 1e4], "scale": [2.0, 0.5, 1.0, 1.5]}
    dense = {"coefficients": floats(rng, 1, FEATURES), "intercepts": [0.5], "targets": 1}
    scaled = helper.make_node("Scaler", ["x"], ["s"], domain=ML, **offsets)
    layer = helper.make_node("LinearRegressor", ["s"], ["y"], domain=ML, **dense)
    yield "scaler_far", "features far from zero, scaled before a layer", model([scaled, layer], [("y", TensorProto.FLOAT)], 1), far
    odd = rows(rng)
    odd[0], odd[1] = 0, -np.abs(odd[1]) - 0.5
    for name, operator, attributes, x in (
        ("normalizer_l1", "Normalizer", {"norm": "L1"}, odd),
        ("normalizer_l2", "Normalizer", {"norm": "L2"}, odd),
        ("normalizer_max", "Normalizer", {"norm": "MAX"}, odd),
        ("imputer_nan", "Imputer", {"imputed_value_floats": [1.0, 2.0, 3.0, 4.0], "replaced_value_float": np.nan}, rows(rng, True)),
        ("imputer_number", "Imputer", {"imputed_value_floats": [7.0], "replaced_value_float": 0.5}, rows(rng)),
        ("binarizer", "Binarizer", {"threshold": 0.5}, rows(rng)),
        ("one_hot_encoder", "OneHotEncoder", {"cats_int64s": [1, 0, -2], "zeros": 1}, np.trunc(rows(rng))),
        ("label_encoder", "LabelEncoder", {"keys_floats": [0.5, -1.0, 0.0], "values_floats": [1.5, 2.5, 3.5], "default_float": 9.0}, rows(rng)),
    ):
        node = helper.make_node(operator, ["x"], ["y"], domain=ML, **attributes)
        yield name, operator, model([node], [("y", TensorProto.FLOAT)], 2 if operator == "LabelEncoder" else 1), x
    classes = helper.make_tensor("classes", TensorProto.STRING, [4], ["middle", "low", "high", "low"])
    chosen = [
        helper.make_node("ArgMax", ["x"], ["i"], axis=1, keepdims=0),
        helper.make_node("ArrayFeatureExtractor", ["classes", "i"], ["c"], domain=ML),
    ]
    proto = model(chosen, [("c", TensorProto.STRING)], 1, [classes])
    # The class is its place in the list, in which a text may stand twice.
    x = rows(rng)
    yield "array_of_texts", "a text by a computed index", proto, x, [x.argmax(axis=1)[:, None]]


def refused():
    """Models whose meaning is vague, or that no device could run."""
    rng = seeded("refused")
    nodes, leaves = forest(rng, ["LEQ"], trees=2, depth=2)
    both = said(rng, leaves, "class", range(2))
    for name, lists in (("two_of_both", nodes | both), ("probit", nodes | said(rng, leaves, "class", [0]) | {"post_transform": "PROBIT"})):
        node = helper.make_node("TreeEnsembleClassifier", ["x"], ["l", "y"], domain=ML, classlabels_int64s=[0, 1], **lists)
        yield f"refused_{name}", f"a forest: {name}", model([node], [("l", TensorProto.INT64), ("y", TensorProto.FLOAT)])
    one = said(rng, leaves, "target", [0])
    circle = nodes | {"nodes_falsenodeids": [0 for _ in nodes["nodes_nodeids"]]}
    feature = nodes | {"nodes_featureids": [9 for _ in nodes["nodes_nodeids"]]}
    for name, lists in (("circle", circle | one), ("feature", feature | one)):
        node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain=ML, n_targets=1, **lists)
        yield f"refused_{name}", f"trees with a wrong {name}", model([node], [("y", TensorProto.FLOAT)])


def classical_cases():
    """Name, situation, file, inputs, outputs and what is right."""
    groups = (regressors(), classifiers(), newest(), linear(), support(), features())
    for name, situation, proto, x, *results in (case for group in groups for case in group):
        outputs = results[0] if results else right(proto, x)
        yield f"classical_{name}", situation, proto.SerializeToString(), [x], outputs, {"expect": "reals", "relative": 1e-5}
    for name, situation, proto in refused():
        yield f"classical_{name}", situation, proto.SerializeToString(), [rows(seeded(name))], [], {"expect": "refusal"}
