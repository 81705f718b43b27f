#!/usr/bin/env python3
"""The recipe of this example's model; the README beside it says how to run it."""

import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "recipes"))

import network  # noqa: E402
import train  # noqa: E402

SAMPLES = 128  # at 50 Hz
SHAPE = (SAMPLES // 2, 1, 6)
# One int8 step: accelerations in 3/128 g, rates in 8/128 rad/s.
STEP = np.array([3, 3, 3, 8, 8, 8]) / 128
TEST_SUBJECTS = (2, 5, 8)
EPOCHS = 25
SEED = 3
CALIBRATION_COUNT = 128

STEPS = [
    ("conv", {"filters": 16, "kernel": (5, 1), "stride": (2, 1)}), ("norm", {}), ("relu", {}),
    ("depthwise", {"kernel": (5, 1), "stride": 1}), ("norm", {}), ("relu", {}),
    ("conv", {"filters": 32, "kernel": 1, "stride": 1}), ("norm", {}), ("relu", {}),
    ("max_pool", {"size": (2, 1)}),
    ("depthwise", {"kernel": (5, 1), "stride": 1}), ("norm", {}), ("relu", {}),
    ("conv", {"filters": 48, "kernel": 1, "stride": 1}), ("norm", {}), ("relu", {}),
    ("global_average", {}), ("dense", {"units": 7}), ("softmax", {}),
]  # fmt: skip


def windows(recordings, labels, stride):
    """int8 windows [N, 64, 1, 6] and their labels; neighbouring samples are averaged in pairs."""
    found, classes = [], []
    for recording, label in zip(recordings, labels):
        for start in range(0, len(recording) - SAMPLES + 1, stride):
            pairs = recording[start : start + SAMPLES].reshape(SAMPLES // 2, 2, 6).mean(axis=1)
            found.append(np.clip(np.round(pairs / STEP), -128, 127))
            classes.append(label)
    return np.array(found, np.int8).reshape(-1, *SHAPE), np.array(classes, np.uint8)


def load():
    """Training and test windows; the test subjects are unseen in training."""
    import importlib.util

    package = pathlib.Path(importlib.util.find_spec("seglearn").origin).parent
    watch = np.load(package / "data" / "watch_dataset.npy", allow_pickle=True).item()
    held_out = np.isin(watch["subject"], TEST_SUBJECTS)
    parts = []
    for chosen, stride in ((~held_out, 24), (held_out, 128)):
        indices = np.flatnonzero(chosen)
        parts += windows([watch["X"][i] for i in indices], watch["y"][indices], stride)
    order = np.random.default_rng(SEED).permutation(len(parts[1]))
    return parts[0][order], parts[1][order], parts[2], parts[3]


def shaken(samples, rng):
    """The windows with another strength and a small offset on every channel."""
    strength = rng.uniform(0.85, 1.15, (len(samples), 1, 1, 6))
    offset = rng.normal(0, 3, (len(samples), 1, 1, 6))
    return np.clip(np.round(samples * strength + offset), -128, 127)


def main():
    """Trains and writes model.tflite, calib.npz and test.npz beside this file."""
    train_x, train_y, test_x, test_y = load()
    model = train.train(STEPS, lambda rng: (shaken(train_x, rng), train_y), SHAPE, EPOCHS, SEED, levels=128.0)
    network.write_tflite(HERE / "model.tflite", model, None)
    train.save_npz(HERE / "calib.npz", x=train_x[:CALIBRATION_COUNT])
    train.save_npz(HERE / "test.npz", x=test_x, y=test_y)
    right = network.tflite_accuracy(HERE / "model.tflite", test_x, test_y)
    print(f"gesture: {model.count_params()} parameters, {len(test_y)} test windows, accuracy {right:.4f}")


if __name__ == "__main__":
    main()
