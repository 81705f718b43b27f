#!/usr/bin/env python3
"""Writes `tests/golden/ops/*.cases`: single-operator models with the outputs the oracle gives.

    python3 -m venv ~/kinglet-oracle && ~/kinglet-oracle/bin/pip install --pre tflite_micro==0.dev20261023182759
    ~/kinglet-oracle/bin/python tests/oracle/make_op_goldens.py

Nothing is written unless every integer case, but for the drawn ones (`drawn_cases.py`), agrees with `formulas.py` or `formulas_int16.py`, so the page of formulas, the oracle and the files
cannot drift apart. `--check` runs everything and compares with the files instead of writing them.
"""

import argparse
import pathlib
import struct
import sys

import numpy as np
from tflite_micro import runtime

import combine_cases
import combine_formulas
import float_cases
import formulas
import formulas_int16
import int16_cases
import int4_cases
import matrix_cases
import op_cases
from tflite_build import serialize

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "golden" / "ops"
ARENA_BYTES = 1 << 20


def oracle(model_bytes, vector):
    """The one output of the model for one vector, as TensorFlow Lite Micro computes it."""
    interpreter = runtime.Interpreter.from_bytes(model_bytes, arena_size=ARENA_BYTES)
    for index, value in enumerate(vector):
        interpreter.set_input(np.ascontiguousarray(value), index)
    interpreter.invoke()
    return np.array(interpreter.get_output(0))


def record(name, model_bytes, runs):
    """One case in the container's format."""
    parts = [struct.pack("<H", len(name)), name.encode(), struct.pack("<I", len(model_bytes)), model_bytes]
    parts.append(struct.pack("<B", len(runs)))
    for inputs, outputs in runs:
        for tensors in (inputs, outputs):
            parts.append(struct.pack("<B", len(tensors)))
            for tensor in tensors:
                data = np.ascontiguousarray(tensor).tobytes()
                parts += [struct.pack("<I", len(data)), data]
    return b"".join(parts)


def container(cases):
    """A whole file."""
    return b"KGCASES1" + struct.pack("<I", len(cases)) + b"".join(cases)


def build(family, generator, formula):
    """The file of one operator and how many outputs it holds; raises when formulas and oracle disagree."""
    cases, outputs, seen = [], 0, set()
    for name, model, vectors in generator:
        assert name not in seen, f"{family}: two cases named {name}"
        seen.add(name)
        model_bytes = serialize(model)
        runs = []
        for vector in vectors:
            result = oracle(model_bytes, vector)
            if formula:
                mine = formula(model, vector)
                wrong = np.flatnonzero(mine.ravel() != result.ravel())
                if wrong.size:
                    at = wrong[0]
                    raise SystemExit(f"{family}/{name}: {wrong.size} of {result.size} differ from the formula; "
                                     f"first at {at}: oracle {result.ravel()[at]}, formula {mine.ravel()[at]}")  # fmt: skip
            runs.append((vector, [result]))
            outputs += result.size
        cases.append(record(name, model_bytes, runs))
    return container(cases), len(cases), outputs


def main():
    """Builds every file; see the module's head."""
    import drawn_cases

    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true", help="compare with the files, write nothing")
    arguments.add_argument("families", nargs="*", help="only these (default: all)")
    options = arguments.parse_args()
    families = [(name, make, formulas.run) for name, make in op_cases.INT8.items()]
    families += [(name, make, combine_formulas.run) for name, make in combine_cases.COMBINED.items()]
    families += [(name, make, combine_formulas.run_i16) for name, make in int16_cases.INT16.items()]
    families += [(name, make, formulas.run) for name, make in int4_cases.INT4.items()]
    families += [(name, make, matrix_cases.run) for name, make in matrix_cases.MATRIX.items()]
    families += [(name, make, None) for name, make in drawn_cases.DRAWN.items()]
    families += [(f"{name}_f32", make, None) for name, make in float_cases.FLOAT32.items()]
    FOLDER.mkdir(parents=True, exist_ok=True)
    stale, total = [], [0, 0, 0]
    for family, make, formula in families:
        if options.families and family not in options.families:
            continue
        data, count, outputs = build(family, make(), formula)
        path = FOLDER / f"{family}.cases"
        if not options.check:
            path.write_bytes(data)
        elif not path.exists() or path.read_bytes() != data:
            stale.append(family)
        print(f"{family:24} {count:4} cases {outputs:7} outputs {len(data):8} bytes")
        total = [t + v for t, v in zip(total, (count, outputs, len(data)))]
    print(f"{'total':24} {total[0]:4} cases {total[1]:7} outputs {total[2]:8} bytes")
    if stale:
        sys.exit(f"differ from the files: {', '.join(stale)}")


if __name__ == "__main__":
    main()
