#!/usr/bin/env python3
"""The recipe of this example's model; the README beside it says how to run it."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "recipes"))

import mnist  # noqa: E402
import network  # noqa: E402
import train  # noqa: E402

SHAPE = (8, 8, 1)
EPOCHS = 80
SEED = 11
CALIBRATION_COUNT = 64

STEPS = [
    ("conv", {"filters": 6, "kernel": 3, "stride": 1}), ("norm", {}), ("relu", {}),
    ("max_pool", {"size": 2}),
    ("depthwise", {"kernel": 3, "stride": 1}), ("norm", {}), ("relu", {}),
    ("conv", {"filters": 12, "kernel": 1, "stride": 1}), ("norm", {}), ("relu", {}),
    ("global_average", {}), ("dense", {"units": 10}), ("softmax", {}),
]  # fmt: skip


def main():
    """Trains and writes everything beside this file, and the .tflite files among the golden models."""
    train_x, train_y, test_x, test_y = mnist.load()
    data = mnist.shrink(train_x), train_y, mnist.shrink(test_x), test_y
    model = train.train(STEPS, lambda rng: (mnist.shrink(mnist.distort(train_x, rng)), train_y), SHAPE, EPOCHS, SEED)
    doc = "MNIST digit at 8 x 8 (uint8 pixels 0..255 fed as float) to probabilities; Kinglet example, see examples/tiny"
    train.pack(HERE, STEPS, SHAPE, model, data, CALIBRATION_COUNT, doc)
    golden = HERE.parent.parent / "tests" / "golden" / "models"
    golden.mkdir(parents=True, exist_ok=True)
    train.pack_tflite(golden / "tiny_int8.tflite", model, data, CALIBRATION_COUNT)
    network.write_tflite(golden / "tiny_float.tflite", model, None)


if __name__ == "__main__":
    main()
