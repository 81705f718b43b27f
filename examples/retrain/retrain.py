#!/usr/bin/env python3
"""Fits the last layer of the digits' network to what a server has kept, beside what the network was calibrated with.

    retrain.py SAMPLES.npz MODEL.onnx CALIB.npz

Somebody has to say what is on the pictures. Here that is the old network itself, to which each is shown as it was before the
lens; in the field it is a person, or a slower instrument. A recipe for real trains all layers; this one takes seconds.
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

import lens

DIGITS = pathlib.Path(__file__).resolve().parent.parent / "digits"
STEPS, RATE, DECAY = 2000, 0.5, 1e-4


def features(model, name, images):
    """What the layer in front of the last one makes of the pictures."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    session = onnxruntime.InferenceSession(copy.SerializeToString(), providers=["CPUExecutionProvider"])
    scores, before = session.run([model.graph.output[0].name, name], {"input": images})
    return scores.argmax(axis=1), before


def fit(x, labels, count):
    """Weights and bias by softmax regression, for features as they are."""
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    z = np.c_[(x - mean) / deviation, np.ones(len(x))]
    weights, wanted = np.zeros((z.shape[1], count)), np.eye(count)[labels]
    for _ in range(STEPS):
        scores = z @ weights
        shares = np.exp(scores - scores.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        weights -= RATE * (z.T @ (shares - wanted) / len(z) + DECAY * weights)
    kernel = weights[:-1] / deviation[:, None]
    return kernel, weights[-1] - mean @ kernel


def main():
    samples_file, model_file, calib_file = sys.argv[1:4]
    kept = np.load(samples_file)
    samples = kept[kept.files[0]].astype(np.float32).reshape(-1, 1, 28, 28)
    calib = np.load(DIGITS / "calib.npz")["x"].astype(np.float32)
    model = onnx.load(DIGITS / "model.onnx")
    last = next(node for node in reversed(model.graph.node) if node.op_type == "Gemm")
    labels_old, old = features(model, last.input[0], calib)
    labels_new, _ = features(model, last.input[0], np.clip(lens.undone(samples), 0, 255))
    _, new = features(model, last.input[0], samples)
    kernel, bias = fit(np.concatenate([old, new]), np.concatenate([labels_old, labels_new]), 10)
    transposed = next((attribute.i for attribute in last.attribute if attribute.name == "transB"), 0)
    values = {last.input[1]: kernel.T if transposed else kernel, last.input[2]: bias}
    for initializer in model.graph.initializer:
        if initializer.name in values:
            value = values[initializer.name].astype(np.float32)
            initializer.CopyFrom(numpy_helper.from_array(value, initializer.name))
    onnx.save(model, model_file)
    # The compiler has to see what the model will see.
    np.savez(calib_file, x=np.concatenate([calib, samples[:256]]))
    print(f"the last layer is fitted to {len(calib)} pictures from before and {len(samples)} that were kept")


main()
