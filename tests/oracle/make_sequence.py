#!/usr/bin/env python3
"""Writes `tests/sequences`: small streaming models with what is right, for `cargo xtask sequences`.

    python3 -m venv ~/kinglet-oracle && ~/kinglet-oracle/bin/pip install --pre tflite_micro==0.dev20261023182759
    ~/kinglet-oracle/bin/python tests/oracle/make_sequence.py

`stream` has what wake-word models have: a ring buffer in a variable, whose first value a CALL_ONCE assigns, is read,
lengthened by the new frames and cut; a convolution looks at the whole of it. `line` hands what a variable was down to
another one, and gives out what that one was. Every run writes the same bytes.
"""

import pathlib

import numpy as np
from tflite_micro import runtime

from layer_cases import f32, int8s, seeded
from tflite_build import NONE, RELU, VALID, Graph, Step, Tensor, serialize_graphs

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "sequences"
STEPS = 40
FRAMES, KEPT, BANDS, FILTERS, CLASSES = 2, 4, 8, 6, 3
NAME = "ring"


def handle(name=NAME):
    """The step that names a variable, and what it gives."""
    tensor = Tensor((), np.void)
    return Step("VAR_HANDLE", [], [tensor], {"container": "", "sharedName": name}), tensor


def integers(*numbers):
    """A constant operand."""
    return Tensor(data=np.array(numbers, np.int32))


def initializer(rng, scale, zero_point):
    """The subgraph that runs once: a variable that is not zero at first."""
    names, variable = handle()
    first = Tensor(data=int8s(rng, (1, KEPT, 1, BANDS)), scale=scale, zero_point=zero_point)
    return Graph([names, Step("ASSIGN_VARIABLE", [variable, first], [])])


def weighted(rng, shape, x, scale):
    """Weights and bias of a layer over `x`."""
    scales = np.exp(rng.uniform(np.log(scale / 2), np.log(scale * 2), shape[0])).astype(f32)
    weights = Tensor(data=rng.integers(-127, 128, shape, np.int8), scale=scales)
    return weights, Tensor(data=rng.integers(-2000, 2000, shape[0], np.int32), scale=scales * x.s)


def stream(rng):
    """The subgraphs of `stream`."""
    quant = (f32(0.05), -5)
    x = Tensor((1, FRAMES, BANDS), np.int8, *quant)
    frames = Tensor((1, FRAMES, 1, BANDS), np.int8, *quant)
    before, after = (Tensor((1, KEPT, 1, BANDS), np.int8, *quant) for _ in range(2))
    window = Tensor((1, KEPT + FRAMES, 1, BANDS), np.int8, *quant)
    features = Tensor((1, KEPT, 1, FILTERS), np.int8, f32(0.06), -128)
    flat = Tensor((1, KEPT * FILTERS), np.int8, f32(0.06), -128)
    scores = Tensor((1, CLASSES), np.int8, f32(0.08), 3)
    chances = Tensor((1, CLASSES), np.int8, f32(1 / 256), -128)
    y = Tensor((1, CLASSES), np.uint8, f32(1 / 256), 0)
    names, variable = handle()
    plain = {"fusedActivationFunction": NONE}
    conv = {"padding": VALID, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    conv["fusedActivationFunction"] = RELU
    bounds = [integers(0, FRAMES, 0, 0), integers(1, KEPT + FRAMES, 1, BANDS), integers(1, 1, 1, 1)]
    steps = [
        Step("CALL_ONCE", [], [], {"initSubgraphIndex": 1}),
        names,
        Step("READ_VARIABLE", [variable], [before]),
        Step("RESHAPE", [x, integers(*frames.shape)], [frames], {"newShape": list(frames.shape)}),
        Step("CONCATENATION", [before, frames], [window], {"axis": 1} | plain),
        Step("STRIDED_SLICE", [window, *bounds], [after]),
        Step("ASSIGN_VARIABLE", [variable, after], []),
        Step("CONV_2D", [window, *weighted(rng, (FILTERS, 3, 1, BANDS), x, 0.004)], [features], conv),
        Step("RESHAPE", [features, integers(*flat.shape)], [flat], {"newShape": list(flat.shape)}),
        Step("FULLY_CONNECTED", [flat, *weighted(rng, (CLASSES, KEPT * FILTERS), flat, 0.006)], [scores], plain),
        Step("LOGISTIC", [scores], [chances]),
        Step("QUANTIZE", [chances], [y]),
    ]
    return [Graph(steps, [x], [y]), initializer(rng, *quant)]


def line(rng):
    """The subgraphs of `line`: what a dense layer makes of the input, two steps later."""
    x = Tensor((1, FRAMES, BANDS), np.int8, f32(0.05), -5)
    flat = Tensor((1, FRAMES * BANDS), np.int8, f32(0.05), -5)
    quant = (f32(0.06), -7)
    dense, newer = (Tensor((1, FILTERS), np.int8, *quant) for _ in range(2))
    moved, older = (Tensor((FILTERS, 1), np.int8, *quant) for _ in range(2))
    (names_newer, newer_variable), (names_older, older_variable) = handle("newer"), handle("older")
    plain = {"fusedActivationFunction": NONE}
    steps = [
        names_newer,
        names_older,
        Step("READ_VARIABLE", [newer_variable], [newer]),
        Step("READ_VARIABLE", [older_variable], [older]),
        Step("RESHAPE", [x, integers(*flat.shape)], [flat], {"newShape": list(flat.shape)}),
        Step("FULLY_CONNECTED", [flat, *weighted(rng, (FILTERS, FRAMES * BANDS), x, 0.004)], [dense], plain),
        Step("RESHAPE", [newer, integers(*moved.shape)], [moved], {"newShape": list(moved.shape)}),
        Step("ASSIGN_VARIABLE", [older_variable, moved], []),
        Step("ASSIGN_VARIABLE", [newer_variable, dense], []),
    ]
    return [Graph(steps, [x], [older])]


def run(model_bytes, sequence):
    """What the oracle gives for each step."""
    interpreter = runtime.Interpreter.from_bytes(model_bytes, arena_size=1 << 18)
    outputs = []
    for step in sequence:
        interpreter.set_input(step[np.newaxis], 0)
        interpreter.invoke()
        outputs.append(np.array(interpreter.get_output(0)))
    return np.concatenate(outputs)


def write(name, make):
    """Writes a sequence, unless it could not tell a model that forgets."""
    rng = seeded(name)
    model_bytes = serialize_graphs(make(rng))
    sequence = int8s(rng, (STEPS, FRAMES, BANDS))
    outputs = run(model_bytes, sequence)
    forgetful = np.concatenate([run(model_bytes, step[np.newaxis]) for step in sequence])
    assert (outputs == run(model_bytes, sequence)).all(), "a fresh start gives something else"
    assert (outputs[1:] != forgetful[1:]).any(axis=1).mean() > 0.8, "most steps do not need what was before"
    assert 20 < np.std(outputs.astype(int)), "the outputs are nearly the same everywhere"
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.tflite").write_bytes(model_bytes)
    np.save(folder / "in.npy", sequence)
    np.save(folder / "out.npy", outputs)
    print(f"{folder}: {len(model_bytes)} bytes, {STEPS} steps, outputs\n{outputs[:6]}")


def main():
    """Writes the files."""
    write("stream", stream)
    write("line", line)


if __name__ == "__main__":
    main()
