#!/usr/bin/env python3
"""Writes golden vectors of whole models: inputs, outputs and, for int8, one hash for each operator, from the oracle.

    ~/kinglet-oracle/bin/python tests/oracle/make_model_goldens.py [FOLDER]

FOLDER (default `tests/golden/models`) holds `NAME_int8.tflite` and `NAME_float.tflite`; beside each int8 model it writes
`NAME.<vector>.out.bin` and `NAME.ramp.in.bin`, beside each float model `NAME_float.<vector>.out.bin`, and `hashes.json` for
all int8 ones. What the vectors and hashes are stands in `tests/golden/README.md`.
"""

import json
import pathlib
import sys

import flatbuffers
import numpy as np
from tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

DEFAULT = pathlib.Path(__file__).resolve().parent.parent / "golden" / "models"


def ramp(count):
    """37 steps at a time through all bytes."""
    return (((np.arange(count) * 37 + 11) % 256) - 128).astype(np.int8)


def lcg(count, seed):
    """The high byte of a linear congruential generator."""
    values, state = [], seed
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append((state >> 24) - 128)
    return np.array(values, np.int8)


VECTORS = {"ramp": ramp, "lcg1": lambda count: lcg(count, 1), "lcg2": lambda count: lcg(count, 2)}


def fnv1a(data):
    """FNV-1a, 32 bits, as eight hexadecimal digits."""
    value = 2166136261
    for byte in data:
        value = ((value ^ byte) * 16777619) % 2**32
    return f"{value:08x}"


def exposed(model_bytes):
    """The model with every operator's output as a model output after its own, and the operators' names in order.

    A model output is kept to the end of the run, so one run shows all intermediate tensors.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model_bytes, 0))
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    graph = model.subgraphs[0]
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    graph.outputs = list(graph.outputs) + [int(operator.outputs[0]) for operator in graph.operators]
    builder = flatbuffers.Builder(len(model_bytes))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output()), [names[codes[operator.opcodeIndex]] for operator in graph.operators]


def run(model_bytes, vector):
    """Input bytes, output bytes and `[index, operator, hash]` rows for one vector."""
    changed, operators = exposed(model_bytes)
    interpreter = runtime.Interpreter.from_bytes(changed, arena_size=8 << 20)
    shape = interpreter.get_input_details(0)["shape"]
    data = VECTORS[vector](int(np.prod(shape)))
    if interpreter.get_input_details(0)["dtype"] == np.float32:
        data = data.astype(np.float32) + 128
    interpreter.set_input(data.reshape(shape), 0)
    interpreter.invoke()
    outputs = [np.array(interpreter.get_output(index)).tobytes() for index in range(1 + len(operators))]
    rows = [[index, name, fnv1a(outputs[1 + index])] for index, name in enumerate(operators)]
    return data.tobytes(), outputs[0], rows


def main():
    """Writes the vectors of every model in the folder."""
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    hashes = {}
    for path in sorted(folder.glob("*_int8.tflite")):
        name = path.name.removesuffix("_int8.tflite")
        hashes[name] = {}
        for vector in VECTORS:
            source, result, rows = run(path.read_bytes(), vector)
            if vector == "ramp":
                (folder / f"{name}.ramp.in.bin").write_bytes(source)
            (folder / f"{name}.{vector}.out.bin").write_bytes(result)
            hashes[name][vector] = {"output": fnv1a(result), "operators": rows}
            print(f"{name} {vector}: {len(rows)} operators, output {np.frombuffer(result, np.int8)[:12]}")
    for path in sorted(folder.glob("*_float.tflite")):
        for vector in VECTORS:
            (folder / f"{path.stem}.{vector}.out.bin").write_bytes(run(path.read_bytes(), vector)[1])
    (folder / "hashes.json").write_text(json.dumps(hashes, indent=1) + "\n")


if __name__ == "__main__":
    main()
