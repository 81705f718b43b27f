#!/usr/bin/env python3
"""The node suite of the PyPI package `onnx` as cases: one folder for each of its models, as `tests/cases/README.md` says.

    cargo xtask onnx-nodes

Model files are written as they are. What only a constant can be (a shape, an axis, a layer's weights) is an input in most of these
models; it is named in `constants` of the case with the suite's own data, which `kinglet compile --input-value` gets. Everything
else is an input of the run. Models on strings, sequences and optional values have no arrays to give; `left_out.json` names them.
"""

import argparse
import json
import pathlib
import warnings

warnings.filterwarnings("ignore")

import numpy as np
import onnx
import onnx.numpy_helper
from onnx.backend.test.case.node import collect_testcases

RTOL, ATOL = 1e-3, 1e-5

# Operands that a compiler must know, by position: shapes, axes, counts, and the parameters of layers.
CONSTANTS = {
    "AffineGrid": [1], "BatchNormalization": [1, 2, 3, 4], "BlackmanWindow": [0], "CenterCropPad": [1], "Clip": [1, 2],
    "Compress": [1], "Conv": [1, 2], "ConvInteger": [1, 2, 3], "ConvTranspose": [1, 2], "ConstantOfShape": [0],
    "CumSum": [1], "DeformConv": [1, 3], "DequantizeLinear": [1, 2], "DFT": [1, 2], "Dropout": [1, 2], "Expand": [1],
    "GroupNormalization": [1, 2], "GRU": [1, 2, 3, 4], "HammingWindow": [0], "HannWindow": [0], "If": [0],
    "InstanceNormalization": [1, 2], "LayerNormalization": [1, 2], "Loop": [0, 1], "LSTM": [1, 2, 3, 4, 7],
    "MatMulInteger": [1, 2, 3], "MaxUnpool": [2], "MelWeightMatrix": [0, 1, 2, 3, 4], "NonMaxSuppression": [2, 3, 4],
    "OneHot": [1, 2], "Pad": [1, 2, 3], "QLinearConv": [1, 2, 3, 4, 5, 6, 7, 8],
    "QLinearMatMul": [1, 2, 3, 4, 5, 6, 7], "QuantizeLinear": [1, 2], "Range": [0, 1, 2], "ReduceL1": [1], "ReduceL2": [1],
    "ReduceLogSum": [1], "ReduceLogSumExp": [1], "ReduceMax": [1], "ReduceMean": [1], "ReduceMin": [1], "ReduceProd": [1],
    "ReduceSum": [1], "ReduceSumSquare": [1], "Reshape": [1], "Resize": [1, 2, 3], "ReverseSequence": [1],
    "RMSNormalization": [1], "RNN": [1, 2, 3, 4], "Slice": [1, 2, 3, 4], "Split": [1], "Squeeze": [1], "STFT": [1, 2, 3],
    "Tile": [1], "TopK": [1], "Trilu": [1], "Unsqueeze": [1], "Upsample": [1],
}

# Types that programs hand over in a wider one.
WIDER = {"float16": np.float32, "bfloat16": np.float32, "float64": np.float32, "int4": np.int8, "uint4": np.uint8,
         "int2": np.int8, "uint2": np.uint8}
PLAIN = {"float32", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"}


def array(value):
    """The value as an array of a type that files have, or None."""
    if isinstance(value, onnx.TensorProto):
        value = onnx.numpy_helper.to_array(value)
    if not isinstance(value, (np.ndarray, np.generic)):
        return None
    value = np.asarray(value)
    if value.dtype.name in WIDER:
        return value.astype(WIDER[value.dtype.name])
    return value if value.dtype.name in PLAIN else None


def constant_names(case):
    """The inputs of a one-node model that must be constants."""
    node = case.model.graph.node[0]
    names = [node.input[at] for at in CONSTANTS.get(node.op_type, []) if at < len(node.input)]
    return {name for name in names if name}


def base_name(name):
    """The one-node case whose operator an expanded case spells out."""
    return name.split("_expanded")[0]


def save(path, value):
    np.save(path, np.ascontiguousarray(value).reshape(value.shape))


def write(case, constants, folder):
    """Writes one case; says why not where it cannot be one."""
    inputs, outputs = case.data_sets[0]
    names = [port.name for port in case.model.graph.input]
    initialized = {tensor.name for tensor in case.model.graph.initializer}
    names = [name for name in names if name not in initialized]
    arrays = [array(value) for value in inputs]
    results = [array(value) for value in outputs]
    if any(value is None for value in arrays + results):
        return "strings, sequences, optional values or 8-bit floats"
    if len(arrays) < len(names):
        return "fewer arrays than inputs"
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(case.model, folder / "model.onnx")
    given, fixed = [], {}
    for index, (name, value) in enumerate(zip(names, arrays)):
        save(folder / f"input{index}.npy", value)
        if name in constants:
            fixed[name] = f"input{index}.npy"
        else:
            given.append(f"input{index}.npy")
    for index, value in enumerate(results):
        save(folder / f"output{index}.npy", value)
    text = {
        "situation": f"node suite of onnx {onnx.__version__}: {case.name}", "source": "https://github.com/onnx/onnx",
        "model": "model.onnx", "inputs": given, "constants": fixed,
        "outputs": [f"output{index}.npy" for index in range(len(results))],
        "expect": "close", "rtol": RTOL, "atol": ATOL, "when": "operators",
    }
    (folder / "case.json").write_text(json.dumps(text, indent=1) + "\n")
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="where to write the cases")
    folder = parser.parse_args().folder
    np.random.seed(0)
    cases = collect_testcases(None)
    by_name = {case.name: case for case in cases}
    left_out = {}
    for case in cases:
        plain = by_name.get(base_name(case.name), case)
        reason = write(case, constant_names(plain), folder / case.name)
        if reason:
            left_out[case.name] = reason
    (folder / "left_out.json").write_text(json.dumps(left_out, indent=1) + "\n")
    print(f"{len(cases) - len(left_out)} cases, {len(left_out)} left out")


if __name__ == "__main__":
    main()
