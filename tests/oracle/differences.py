#!/usr/bin/env python3
"""Where TensorFlow Lite Micro, LiteRT's reference kernels and Kinglet differ on single int8 operators.

    cargo xtask oracle-differences

Every situation of `difference_cases.py` is run some times by all three, and each gets a verdict:

    formula   every output is within two codes of the operator's formula on real numbers (`ideal.py`): it means the right thing
    other     some output is further away: it does not rescale, clamp or broadcast
    refuses   it does not run such a model
    mixed     it runs some of them only

`bits` says whether Kinglet's codes are those of TensorFlow Lite Micro. `differences.json` beside this file has the situations
that are known to be out of the ordinary; everything else must be `formula` thrice, with equal bits. A situation that is not as
the list has it fails, and `--write` writes the list anew, for someone to read.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

import difference_cases
import ideal
from make_op_goldens import oracle
from tflite_build import serialize

LIST = pathlib.Path(__file__).resolve().parent / "differences.json"
MODELS_EACH = 6
CODES_APART_MAX = 2
PLAIN = {"tflite_micro": "formula", "litert": "formula", "kinglet": "formula", "bits": "equal"}


class Refused(Exception):
    """It does not run the model."""


def tflite_micro(model, vector):
    """The result of TensorFlow Lite Micro."""
    try:
        return oracle(model, vector)
    except RuntimeError as error:
        raise Refused from error


def litert(model, vector):
    """The result of LiteRT's reference kernels, without any delegate."""
    try:
        interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise Refused from error
    for details, value in zip(interpreter.get_input_details(), vector):
        interpreter.set_tensor(details["index"], value)
    try:
        interpreter.invoke()
    except RuntimeError as error:
        raise Refused from error
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def kinglet(program, folder):
    """The result of Kinglet, through its program: compiled and run. A crash is no refusal."""

    def run(model, vector):
        (folder / "model.tflite").write_bytes(model)
        inputs = []
        for index, value in enumerate(vector):
            np.save(folder / f"in{index}.npy", value)
            inputs += ["--input", folder / f"in{index}.npy"]
        blob, output = folder / "model.kgl", folder / "out.npy"
        compiled = subprocess.run([program, "compile", folder / "model.tflite", "-o", blob], capture_output=True)
        if compiled.returncode == 1:
            raise Refused
        compiled.check_returncode()
        subprocess.run([program, "run", blob, "--raw", *inputs, "--output", output], capture_output=True, check=True)
        return np.load(output)

    return run


def apart(right, found):
    """The largest difference; of floats relative to a bound that counts as one code."""
    if right.size != found.size:
        return np.inf
    difference = np.abs(right.astype(float).ravel() - found.astype(float).ravel()).max()
    return difference if found.dtype == np.int8 else difference / (1e-6 * max(1, np.abs(right).max()))


def verdict(distances):
    """One word for what an implementation did with all models of a situation."""
    refused = [distance is None for distance in distances]
    if any(refused):
        return "refuses" if all(refused) else "mixed"
    return "formula" if max(distances) <= CODES_APART_MAX else "other"


def judge(name, make, implementations):
    """The verdicts of a situation."""
    distances, codes = {who: [] for who in implementations}, []
    for model, vector in difference_cases.models(name, make, MODELS_EACH):
        right, file, found = ideal.run(model, vector), serialize(model), {}
        for who, run in implementations.items():
            try:
                found[who] = run(file, vector)
                distances[who].append(apart(right, found[who]))
            except Refused:
                distances[who].append(None)
        if "tflite_micro" in found and "kinglet" in found:
            codes.append(np.array_equal(found["tflite_micro"].ravel(), found["kinglet"].ravel()))
    bits = "not compared" if not codes else "equal" if all(codes) else "others"
    return {who: verdict(each) for who, each in distances.items()} | {"bits": bits}


def main():
    """Judges all situations and compares them with the list."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--kinglet", required=True, help="the kinglet program")
    arguments.add_argument("--write", action="store_true", help="write the list instead of comparing with it")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours = kinglet(str(pathlib.Path(options.kinglet).resolve()), pathlib.Path(folder))
        implementations = {"tflite_micro": tflite_micro, "litert": litert, "kinglet": ours}
        found = {name: judge(name, make, implementations) for name, make in difference_cases.situations().items()}
    unusual = {name: verdicts for name, verdicts in found.items() if verdicts != PLAIN}
    if options.write:
        lines = [f" {json.dumps(name)}: {json.dumps(verdicts)}" for name, verdicts in unusual.items()]
        LIST.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    known = json.loads(LIST.read_text())
    wrong = [f"{name}: {unusual.get(name, PLAIN)}, the list has {known.get(name, PLAIN)}"
             for name in sorted(found.keys() | known.keys()) if unusual.get(name) != known.get(name)]  # fmt: skip
    print(f"{len(found)} situations, {len(unusual)} out of the ordinary, {len(wrong)} not as the list has them")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
