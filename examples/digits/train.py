#!/usr/bin/env python3
"""The recipe of this example's model; the README beside it says how to run it."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "recipes"))

import mnist  # noqa: E402
import train  # noqa: E402

SHAPE = (28, 28, 1)
EPOCHS = 60
SEED = 7
CALIBRATION_COUNT = 256


def separable(filters):
    """A depthwise convolution and a pointwise one, each normalised."""
    return [
        ("depthwise", {"kernel": 3, "stride": 1}), ("norm", {}), ("relu", {}),
        ("conv", {"filters": filters, "kernel": 1, "stride": 1}), ("norm", {}),
    ]  # fmt: skip


STEPS = [
    ("conv", {"filters": 16, "kernel": 3, "stride": 2}), ("norm", {}), ("relu", {}),
    *separable(32), ("relu", {}),
    ("max_pool", {"size": 2}),
    *separable(64), ("relu", {}),
    ("mark", {}), *separable(64), ("add_mark", {}), ("relu", {}),
    ("global_average", {}), ("dense", {"units": 10}), ("softmax", {}),
]  # fmt: skip


def main():
    """Trains and writes everything beside this file, and the int8 .tflite among the golden models."""
    data = mnist.load()
    model = train.train(STEPS, lambda rng: (mnist.distort(data[0], rng), data[1]), SHAPE, EPOCHS, SEED)
    doc = "MNIST digit (uint8 pixels 0..255 fed as float) to probabilities; Kinglet example, see examples/digits"
    train.pack(HERE, STEPS, SHAPE, model, data, CALIBRATION_COUNT, doc)
    golden = HERE.parent.parent / "tests" / "golden" / "models"
    golden.mkdir(parents=True, exist_ok=True)
    train.pack_tflite(golden / "digits_int8.tflite", model, data, CALIBRATION_COUNT)


if __name__ == "__main__":
    main()
