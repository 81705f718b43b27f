#!/usr/bin/env python3
"""Writes `tests/cases`: small models with what is right, for `cargo xtask cases`.

    python3 -m venv ~/kinglet-oracle && ~/kinglet-oracle/bin/pip install --pre tflite_micro==0.dev20261023182759
    ~/kinglet-oracle/bin/python tests/oracle/make_cases.py

Codes come from the oracle of `make_op_goldens.py`. Where that one does not rescale they come from the formulas, and the recipe
demands that they stay within a code of `ideal.py`. Every run writes the same bytes.
"""

import json
import pathlib
import shutil

import numpy as np

import formulas
import ideal
from formulas import act_range
from layer_cases import f32, f64, int8s, seeded
from make_op_goldens import oracle
from tflite_build import NONE, RELU6, Model, Tensor, serialize

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "cases"


def write(name, situation, model, inputs, outputs, **right):
    """One case; `right` is `expect` and what belongs to it."""
    folder = FOLDER / name
    folder.mkdir(parents=True)
    (folder / "model.tflite").write_bytes(serialize(model))
    case = {"situation": situation, "source": "tests/oracle/make_cases.py", "model": "model.tflite"}
    for kind, arrays in (("in", inputs), ("out", outputs)):
        names = [f"{kind}{index}.npy" for index in range(len(arrays))]
        for file, array in zip(names, arrays):
            np.save(folder / file, array)
        if names:
            case[f"{kind}puts"] = names
    (folder / "case.json").write_text(json.dumps(case | {"when": "now"} | right, indent=1) + "\n")


def codes(name, situation, model, outputs=None):
    """A case whose codes are the oracle's, or those given."""
    vector = [int8s(seeded(name), tensor.shape) for tensor in model.activations]
    right = oracle(serialize(model), vector) if outputs is None else outputs(vector)
    far = np.abs(right.astype(int) - ideal.run(model, vector)).max()
    assert far <= 1, f"{name}: {far} codes from what it means"
    write(name, situation, model, vector, [right], expect="codes", at_most_apart=0)


def rescaled(model, activation):
    """The formula that the oracle lacks: from one quantization to another, with a clamp."""
    x, y = model.inputs[0], model.output
    low, high = act_range(activation, y)
    return lambda vector: np.clip(formulas.rescale(model, vector, f64(x.s) / f64(y.s), low), None, np.int8(high))


def dense(rng, weight_scale=0.01):
    """A dense layer of 12 inputs and 4 outputs."""
    scales = None if weight_scale is None else np.full(4, weight_scale, f32) * f32([1, 1.3, 0.7, 2])
    x, y = Tensor((3, 12), np.int8, 0.05, -3), Tensor((3, 4), np.int8, 0.2, 5)
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


def layers():
    """Layers with weights."""
    codes("dense_per_channel", "a dense layer with a weight scale for each output", dense(seeded("dense")))
    model, vector = dense(seeded("unscaled"), weight_scale=None), [np.zeros((3, 12), np.int8)]
    write("weights_without_scale", "int8 weights without a scale", model, vector, [], expect="refusal")


def floats():
    """A float layer: the engine's arithmetic against numpy's in double precision."""
    rng = seeded("floats")
    w, b, x = (rng.normal(0, 1, shape).astype(f32) for shape in ((4, 12), (4,), (3, 12)))
    inputs = [Tensor((3, 12), np.float32), Tensor(data=w), Tensor(data=b)]
    model = Model("FULLY_CONNECTED", inputs, Tensor((3, 4), np.float32), {"fusedActivationFunction": NONE})
    right = (x.astype(f64) @ w.T.astype(f64) + b).astype(f32)
    write("dense_float", "a float dense layer", model, [x], [right], expect="reals", relative=1e-5)


def main():
    """Writes all cases anew."""
    for folder in FOLDER.glob("*/"):
        shutil.rmtree(folder)
    activations()
    layers()
    floats()
    print(f"{len(list(FOLDER.glob('*/case.json')))} cases")


if __name__ == "__main__":
    main()
