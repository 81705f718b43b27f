#!/usr/bin/env python3
"""Trains forests and boosted trees on whole numbers, and writes each for Kinglet and as C code of emlearn and m2cgen.

    python3 tools/peers/classical/models.py FOLDER

For each model: NAME.onnx, NAME.npz (samples for --calib) and one NAME.METHOD.c for each peer. See README.md.
"""

import argparse
import pathlib
import re

import emlearn
import lightgbm
import m2cgen
import numpy as np
from onnxmltools.convert import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

FEATURES, CLASSES = 16, 4


def data(classes):
    """Features as a sensor gives them: whole numbers of 16 bits."""
    x, y = make_classification(3000, FEATURES, n_informative=10, n_classes=classes, flip_y=0.05, random_state=3)
    return np.clip(np.round(x * 6000), -32000, 32000).astype(np.float32), y


def ramp():
    """The first input of the project's images: int16."""
    return np.array([((index * 37 + 11) % 256 - 128) * 256 for index in range(FEATURES)], np.float32)


def write(folder, name, onnx_model, x):
    (folder / f"{name}.onnx").write_bytes(onnx_model.SerializeToString())
    np.savez_compressed(folder / f"{name}.npz", x=x)


def emlearn_code(folder, name, model, leaf_bits):
    """emlearn rounds thresholds to whole numbers, which changes nothing on whole features: `x <= 2.5` is `x < 3`."""
    for method in ("inline", "loadable"):
        converted = emlearn.convert(model, method=method, dtype="int16_t", leaf_bits=leaf_bits)
        code = converted.save(name="model", format="c", include_proba=False)
        call = "int answer(const int16_t *x) { return model_predict(x, %d); }\n" % FEATURES
        (folder / f"{name}.{method}.c").write_text(code + "\n" + call)


def forests(folder):
    x, y = data(CLASSES)
    pure = RandomForestClassifier(20, random_state=1).fit(x, y)
    soft = RandomForestClassifier(24, max_depth=8, min_samples_leaf=4, random_state=1).fit(x, y)
    for name, forest, leaf_bits in (("forest_votes", pure, 0), ("forest_shares", soft, 8)):
        write(folder, name, to_onnx(forest, x[:1], target_opset={"": 17, "ai.onnx.ml": 3}, options={"zipmap": False}), x)
        emlearn_code(folder, name, forest, leaf_bits)


def boosted(folder):
    x, y = data(2)
    model = lightgbm.LGBMClassifier(n_estimators=60, num_leaves=16, verbose=-1).fit(x, y)
    kinds = [("X", FloatTensorType([None, FEATURES]))]
    write(folder, "boosted", convert_lightgbm(model, initial_types=kinds, zipmap=False, target_opset=15), x)
    code = m2cgen.export_to_c(model, function_name="score")
    code = code.replace("double", "float").replace("exp(", "expf(")
    # Literals of double precision would bring the double functions back.
    code = re.sub(r"(?<![\w.])(\d+\.\d*(?:e[+-]?\d+)?|\d+e[+-]?\d+)(?![\w.])", r"\1f", code)
    call = "int answer(const int16_t *x) {\n  float real[%d], shares[2];\n  for (int i = 0; i < %d; ++i) real[i] = x[i];\n" % (FEATURES, FEATURES)
    call += "  score(real, shares);\n  return shares[1] > shares[0];\n}\n"
    (folder / "boosted.m2cgen.c").write_text("#include <stdint.h>\n" + code + "\n" + call)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    forests(folder)
    boosted(folder)
    print(f"ramp: {ramp().astype(int).tolist()}")


if __name__ == "__main__":
    main()
