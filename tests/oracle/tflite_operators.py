#!/usr/bin/env python3
"""Random files of one operator as cases, with TensorFlow Lite Micro as the oracle.

    cargo xtask tflite-operators

For each builtin operator that `tflite_micro` registers and each element type, models are drawn with shapes, scales, zero points,
attributes and constants that a converter could write (`drawn_arithmetic.py`, `drawn_moves.py`). A type for which the oracle runs none
is one that it does not have. Signal processing, custom operators, control flow, LSTM and SVDF are left out. A case is named
`OPERATOR.type.number`, the type being that of what the operator computes on. Integers have to be right to the bit, floats within 1e-5.
"""

import argparse
import json
import pathlib
import zlib

import numpy as np
from tflite_micro import runtime

import drawn_arithmetic
import drawn_moves
from drawn import TYPES, Draw

OPERATORS = drawn_arithmetic.OPERATORS | drawn_moves.OPERATORS
# Types that are tried where they are not these: uint8 only where a file crosses over to it, and no type that the oracle would read as
# another without saying so.
USUAL = ("float32", "int8", "int16", "int32", "bool")
ONLY = {
    "QUANTIZE": ("float32", "int8", "int16", "int32", "uint8"), "DEQUANTIZE": ("int8", "int16", "uint8"),
    # The oracle compares int16 with factors that it has not set.
    "GREATER": ("float32", "int8", "int32"),
    "LOGICAL_AND": ("bool",), "LOGICAL_OR": ("bool",), "BROADCAST_ARGS": ("int32",), "BROADCAST_TO": ("float32", "int8", "int16", "int32"),
    **{name: ("float32", "int8", "int16") for name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")},
}  # fmt: skip
TOLERANCE = 1e-5
ARENA_BYTES = 1 << 20
# Draws of a type, after which the oracle does not have it.
PATIENCE = 6


def outputs_of(case, given):
    """What the oracle computes; None when it does not run the model."""
    try:
        interpreter = runtime.Interpreter.from_bytes(case.file(), arena_size=ARENA_BYTES)
        for index, value in enumerate(given):
            # NumPy makes a list of a scalar here.
            interpreter.set_input(np.ascontiguousarray(value).reshape(np.shape(value)), index)
        interpreter.invoke()
        return [np.array(interpreter.get_output(index)) for index in range(len(case.outputs))]
    except RuntimeError:
        return None


def drawn(operator, rng, name):
    """A model with inputs, and what is right; None when there is no oracle for it."""
    draw = Draw(rng, name)
    case = OPERATORS[operator](draw)
    given = [case.given[id(tensor)] if id(tensor) in case.given else draw.values(tensor) for tensor in case.activations]
    right = outputs_of(case, given)
    return None if right is None else (case, given, right)


def save(path, value):
    np.save(path, np.ascontiguousarray(value).reshape(np.shape(value)))


def write(folder, name, case, given, right):
    """Writes one case."""
    folder.mkdir(parents=True)
    (folder / "model.tflite").write_bytes(case.file())
    for kind, values in (("input", given), ("output", right)):
        for index, value in enumerate(values):
            save(folder / f"{kind}{index}.npy", value)
    exact = all(value.dtype != np.float32 for value in right)
    expect = {"expect": "codes", "at_most_apart": 0} if exact else {"expect": "close", "rtol": TOLERANCE, "atol": TOLERANCE}
    text = {"situation": name, "source": "random", "model": "model.tflite", "when": "operators",
            "inputs": [f"input{index}.npy" for index in range(len(given))],
            "outputs": [f"output{index}.npy" for index in range(len(right))], **expect}  # fmt: skip
    (folder / "case.json").write_text(json.dumps(text, indent=1) + "\n")


def cells(seed, only, types):
    """Each operator and type that the oracle has, with its generator of random numbers and its first model."""
    for operator in sorted(OPERATORS):
        for name in ONLY.get(operator, USUAL):
            if types and name not in types:
                continue
            if only and not any(part in f"{operator}.{name}" for part in only):
                continue
            rng = np.random.default_rng([seed, zlib.crc32(f"{operator}.{name}".encode())])
            for _ in range(PATIENCE):
                first = drawn(operator, rng, name)
                if first:
                    yield operator, name, rng, first
                    break


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="where to write the cases")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[], help="a part of OPERATOR.type")
    parser.add_argument("--type", action="append", default=[], choices=TYPES)
    arguments = parser.parse_args()
    all_cells = list(cells(arguments.seed, arguments.only, arguments.type))
    for index in range(arguments.count):
        operator, name, rng, first = all_cells[index % len(all_cells)]
        number = index // len(all_cells)
        found = first if number == 0 else None
        while not found:
            found = drawn(operator, rng, name)
        label = f"{operator}.{name}.{number:03}"
        write(arguments.folder / label, label, *found)
    print(f"{arguments.count} models of {len(all_cells)} operators and types")


if __name__ == "__main__":
    main()
