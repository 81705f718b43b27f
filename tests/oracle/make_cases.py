#!/usr/bin/env python3
"""Writes `tests/cases`: small models with what is right, for `cargo xtask cases`.

    python3 -m venv ~/kinglet-oracle && ~/kinglet-oracle/bin/pip install --pre tflite_micro==0.dev20261023182759 onnx==1.23.2 \\
        onnxruntime==1.32.0 ai-edge-litert==2.3.0
    ~/kinglet-oracle/bin/python tests/oracle/make_cases.py

Codes come from the oracle of `make_op_goldens.py`. Where that one does not rescale they come from the formulas, and the recipe
demands that they stay within two codes of `ideal.py`. Those of ONNX models come from onnxruntime, results of operators on
indices from LiteRT. Every run writes the same bytes.
"""

import json
import pathlib
import shutil

import numpy as np

import formulas
import ideal
from formulas import act_range
from classical_cases import classical_cases
from composite_cases import composite_cases
from index_cases import index_cases
from layer_cases import f32, f64, int8s, seeded
from make_op_goldens import oracle
from onnx_cases import onnx_cases
from quantized_cases import quantized_cases
from recurrent_cases import recurrent_int8_cases, recurrent_onnx_cases, recurrent_tflite_cases
from tflite_build import NONE, RELU6, VALID, Model, Tensor, serialize

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "cases"


def write(name, situation, model, inputs, outputs, **right):
    """One case; `right` is `expect` and what belongs to it."""
    write_file(name, situation, "model.tflite", serialize(model), inputs, outputs, right)


def write_file(name, situation, file, model_bytes, inputs, outputs, right):
    """One case of a model `file`."""
    folder = FOLDER / name
    folder.mkdir(parents=True)
    (folder / file).write_bytes(model_bytes)
    case = {"situation": situation, "source": "tests/oracle/make_cases.py", "model": file}
    for kind, arrays in (("in", inputs), ("out", outputs)):
        names = [f"{kind}{index}.npy" for index in range(len(arrays))]
        for file, array in zip(names, arrays):
            np.save(folder / file, np.ascontiguousarray(array).reshape(np.shape(array)))  # the runner reads rows first
        if names:
            case[f"{kind}puts"] = names
    (folder / "case.json").write_text(json.dumps(case | {"when": "now"} | right, indent=1) + "\n")


def codes(name, situation, model, outputs=None):
    """A case whose codes are the oracle's, or those given."""
    vector = [int8s(seeded(name), tensor.shape) for tensor in model.activations]
    right = oracle(serialize(model), vector) if outputs is None else outputs(vector)
    far = np.abs(right.astype(int) - ideal.run(model, vector)).max()
    assert far <= 2, f"{name}: {far} codes from what it means"
    write(name, situation, model, vector, [right], expect="codes", at_most_apart=0)


def rescaled(model, activation):
    """The formula that the oracle lacks: from one quantization to another, with a clamp."""
    x, y = model.inputs[0], model.output
    low, high = act_range(activation, y)
    return lambda vector: np.clip(formulas.rescale(model, vector, f64(x.s) / f64(y.s), low), None, np.int8(high))


def dense(rng, weight_scale=0.01, rows=3):
    """A dense layer of 12 inputs and 4 outputs."""
    scales = None if weight_scale is None else np.full(4, weight_scale, f32) * f32([1, 1.3, 0.7, 2])
    x, y = Tensor((rows, 12), np.int8, 0.05, -3), Tensor((rows, 4), np.int8, 0.2, 5)
    w = Tensor(data=rng.integers(-127, 128, (4, 12), np.int8), scale=scales)
    b = Tensor(data=rng.integers(-900, 900, 4, np.int32), scale=None if scales is None else scales * x.s)
    return Model("FULLY_CONNECTED", [x, w, b], y, {"fusedActivationFunction": NONE})


def activations():
    """ReLU and ReLU6 with and without a scale of their own."""
    shape = (1, 5, 5, 3)
    x = Tensor(shape, np.int8, 0.07, 11)
    own = Tensor(shape, np.int8, f32(6 / 255), -128)
    codes("relu6_same_scale", "RELU6 of one scale and zero point", Model("RELU6", [x], Tensor(shape, np.int8, 0.07, 11)))
    model = Model("RELU6", [x], own)
    codes("relu6_other_scale", "RELU6 whose result has a scale of its own", model, rescaled(model, RELU6))
    model = Model("RELU6", [x], Tensor(shape, np.int8, 0.07, -40))
    codes("relu6_other_zero", "RELU6 whose result has another zero point", model, rescaled(model, RELU6))
    codes("relu_other_scale", "RELU whose result has a scale of its own", Model("RELU", [x], Tensor(shape, np.int8, 0.03, -128)))


def in_operand_scale(model, activation=NONE):
    """The formula of an operator that selects codes: in its operand's scale, then into the result's."""
    x, y = model.inputs[0], model.output
    own = Model(model.operator, model.inputs, Tensor(y.shape, np.int8, x.s, x.z), model.options | {"fusedActivationFunction": NONE})

    def run(vector):
        return rescaled(Model("QUANTIZE", [own.output], y), activation)([formulas.run(own, vector)])

    return run


def concatenated(model):
    """CONCATENATION: each operand in the result's scale."""

    def run(vector):
        parts = [rescaled(Model("QUANTIZE", [x], model.output), NONE)([codes]) for x, codes in zip(model.inputs, vector)]
        return np.concatenate(parts, axis=model.options["axis"])

    return run


def selections():
    """Operators that select or move codes, into a result of another scale."""
    x, other = Tensor((1, 6, 5, 3), np.int8, 0.05, -17), (0.031, 40)
    window = {"padding": VALID, "strideH": 2, "strideW": 1, "filterHeight": 2, "filterWidth": 3}
    for operator, name in (("MAX_POOL_2D", "max_pool"), ("AVERAGE_POOL_2D", "average_pool")):
        for activation, ending in ((NONE, ""), (RELU6, "_relu6")):
            y = Tensor((1, 3, 3, 3), np.int8, *other)
            model = Model(operator, [x], y, window | {"fusedActivationFunction": activation})
            codes(f"{name}_other_scale{ending}", f"{operator} into another scale", model, in_operand_scale(model, activation))
    axes = Tensor(data=np.array([1, 2], np.int32))
    model = Model("REDUCE_MAX", [x, axes], Tensor((1, 3), np.int8, *other), {"keepDims": False})
    codes("reduce_max_other_scale", "REDUCE_MAX into another scale", model, in_operand_scale(model))
    operands = [Tensor((1, 3, 2), np.int8, 0.1, -3), Tensor((1, 3, 4), np.int8, 0.2, 5), Tensor((1, 3, 1), np.int8, 0.1, 9)]
    model = Model("CONCATENATION", operands, Tensor((1, 3, 7), np.int8, 0.1, -3), {"axis": 2})
    codes("concat_other_scales", "CONCATENATION of operands with other scales than the result", model, concatenated(model))
    pads = Tensor(data=np.array([[0, 0], [1, 0], [0, 2], [0, 0]], np.int32))
    model = Model("PAD", [x, pads], Tensor((1, 7, 7, 3), np.int8, *other))
    moved("pad_other_scale", "PAD into another scale: codes move, and zeros are the result's", model)
    model = Model("RESHAPE", [x, Tensor(data=np.array([6, 15], np.int32))], Tensor((6, 15), np.int8, *other))
    moved("reshape_other_scale", "RESHAPE into another scale: codes move", model)


def moved(name, situation, model):
    """A case of an operator that every implementation lets move codes, whatever scale the result has."""
    vector = [int8s(seeded(name), tensor.shape) for tensor in model.activations]
    write(name, situation, model, vector, [oracle(serialize(model), vector)], expect="codes", at_most_apart=0)


def functions():
    """LOGISTIC and TANH into a scale that the oracle's formula does not have: the function on reals."""
    x = Tensor((2, 128), np.int8, 0.04, 9)
    for operator in ("LOGISTIC", "TANH"):
        model = Model(operator, [x], Tensor(x.shape, np.int8, 0.0051, -20))
        name = f"{operator.lower()}_other_scale"
        codes(name, f"{operator} into a scale of its own", model, lambda v, m=model: ideal.run(m, v).astype(np.int8))


def biases():
    """Declarations of a bias that no kernel reads."""
    changes = {"axis_3": {"axis": 3}, "zero_point": {"zero_point": np.full(4, 7)}, "unit": {"scale": np.full(4, 2, f32)}}
    for name, change in changes.items():
        model = dense(seeded("bias"))
        for field, value in change.items():
            setattr(model.inputs[2], field, value)
        codes(f"bias_{name}", f"a bias with another {name.replace('_', ' ')} than the layer's", model)


def layers():
    """Layers with weights."""
    codes("dense_per_channel", "a dense layer with a weight scale for each output", dense(seeded("dense")))
    model = dense(seeded("dead"), rows=1)
    model.inputs[1].data[2] = 0
    codes("dense_dead_output", "a dense layer with an output whose weights are all zero", model)
    model, vector = dense(seeded("unscaled"), weight_scale=None), [np.zeros((3, 12), np.int8)]
    x, y = Tensor((32, 12), np.float32), Tensor((32, 4), np.float32)
    batch = Model("FULLY_CONNECTED", [x, Tensor(data=np.ones((4, 12), f32))], y)
    write("batch_of_32", "a batch that is fixed in the model", batch, [np.zeros((32, 12), f32)], [], expect="warning")
    write("weights_without_scale", "int8 weights without a scale", model, vector, [], expect="refusal")


def floats():
    """A float layer: the engine's arithmetic against numpy's in double precision."""
    rng = seeded("floats")
    w, b, x = (rng.normal(0, 1, shape).astype(f32) for shape in ((4, 12), (4,), (3, 12)))
    inputs = [Tensor((3, 12), np.float32), Tensor(data=w), Tensor(data=b)]
    model = Model("FULLY_CONNECTED", inputs, Tensor((3, 4), np.float32), {"fusedActivationFunction": NONE})
    right = (x.astype(f64) @ w.T.astype(f64) + b).astype(f32)
    write("dense_float", "a float dense layer", model, [x], [right], expect="reals", relative=1e-5)


def from_onnx():
    """Float models in ONNX."""
    for name, situation, model_bytes, calib, inputs, outputs, right in (*onnx_cases(), *recurrent_int8_cases()):
        if calib is not None:
            right = {"calib": "calib.npy"} | right
        write_file(name, situation, "model.onnx", model_bytes, inputs, outputs, right)
        if calib is not None:
            np.save(FOLDER / name / "calib.npy", calib)


def by_indices():
    """Operators on indices, by LiteRT."""
    for name, situation, model_bytes, inputs, outputs, right in index_cases():
        write_file(name, situation, "model.tflite", model_bytes, inputs, outputs, right)


def over_time():
    """Layers that go over time, in .tflite files."""
    for name, situation, model_bytes, inputs, outputs, right in recurrent_tflite_cases():
        write_file(name, situation, "model.tflite", model_bytes, inputs, outputs, right)


def from_onnxruntime():
    """Models in ONNX: quantized ones, operators that are taken apart, layers that go over time, and classical models."""
    for name, situation, model_bytes, inputs, outputs, right in (
        *quantized_cases(),
        *composite_cases(),
        *recurrent_onnx_cases(),
        *classical_cases(),
    ):
        write_file(name, situation, "model.onnx", model_bytes, inputs, outputs, right)


def main():
    """Writes all cases anew."""
    for folder in FOLDER.glob("*/"):
        shutil.rmtree(folder)
    activations()
    selections()
    functions()
    biases()
    layers()
    floats()
    from_onnx()
    from_onnxruntime()
    by_indices()
    over_time()
    print(f"{len(list(FOLDER.glob('*/case.json')))} cases")


if __name__ == "__main__":
    main()
