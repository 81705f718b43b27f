#!/usr/bin/env python3
"""Trains a forest that tells the state of a bearing by features of its vibration, and writes it with test data.

    python3 -m venv ~/kinglet-classical
    ~/kinglet-classical/bin/pip install scikit-learn==1.9.1 skl2onnx==1.20.0 onnxruntime==1.32.0 numpy==2.4.6
    ~/kinglet-classical/bin/python examples/vibration/train.py

The vibration is drawn: a shaft with its harmonics, impacts that ring where a race is damaged, noise. Every run draws the same.
"""

import pathlib

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier

FOLDER = pathlib.Path(__file__).resolve().parent
RATE_HZ, SAMPLES = 8192, 1024
STATES = ["healthy", "imbalance", "inner race", "outer race"]
FEATURES = ["rms", "peak", "crest", "kurtosis", "skewness", "crossings", *(f"band {index}" for index in range(8))]


def vibration(rng, state):
    """One window of acceleration."""
    time = np.arange(SAMPLES) / RATE_HZ
    shaft_hz = rng.uniform(22, 32)
    strength = rng.uniform(0.15, 0.4) * (rng.uniform(2.0, 4.0) if state == 1 else 1.0)
    signal = strength * np.sin(2 * np.pi * shaft_hz * time + rng.uniform(0, 6.3))
    signal += 0.3 * strength * np.sin(4 * np.pi * shaft_hz * time + rng.uniform(0, 6.3))
    if state >= 2:
        per_turn, ring_hz = (5.4, rng.uniform(2600, 3000)) if state == 2 else (3.6, rng.uniform(1500, 1900))
        since = np.mod(time - rng.uniform(0, 0.02), 1 / (per_turn * shaft_hz))
        size = rng.uniform(0.4, 1.2) * (1 + 0.6 * np.sin(2 * np.pi * shaft_hz * time) * (state == 2))
        signal += size * np.exp(-since * rng.uniform(500, 900)) * np.sin(2 * np.pi * ring_hz * since)
    return signal + rng.normal(0, rng.uniform(0.08, 0.3), SAMPLES)


def features(signal):
    """What the firmware computes of a window."""
    rms, peak = np.sqrt(np.mean(signal**2)), np.abs(signal).max()
    normal = (signal - signal.mean()) / signal.std()
    crossings = np.count_nonzero(np.diff(np.signbit(signal)))
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(SAMPLES)))[1:] ** 2
    bands = [np.log10(band.sum() + 1e-9) for band in np.split(spectrum, 8)]
    return [rms, peak, peak / rms, np.mean(normal**4), np.mean(normal**3), crossings, *bands]


def windows(seed, count):
    """Features and states of so many windows."""
    rng = np.random.default_rng(seed)
    states = rng.integers(0, len(STATES), count)
    return np.array([features(vibration(rng, state)) for state in states], np.float32), states


def main():
    """Trains, writes, and says how good it is."""
    x, states = windows(0, 2000)
    forest = RandomForestClassifier(24, max_depth=8, min_samples_leaf=4, random_state=0).fit(x, np.array(STATES)[states])
    onnx_model = to_onnx(forest, x[:1], target_opset={"": 17, "ai.onnx.ml": 3})
    (FOLDER / "model.onnx").write_bytes(onnx_model.SerializeToString())
    x, states = windows(1, 500)
    # The compiler numbers classes as the model lists them.
    order = [list(forest.classes_).index(state) for state in STATES]
    np.savez_compressed(FOLDER / "test.npz", x=x, y=np.array(order)[states].astype(np.uint8))
    session = onnxruntime.InferenceSession(onnx_model.SerializeToString())
    labels = session.run(None, {session.get_inputs()[0].name: x})[0]
    print(f"{np.mean(labels == np.array(STATES)[states]):.3f} of {len(x)} windows, {(FOLDER / 'model.onnx').stat().st_size} bytes")
    print("features:", ", ".join(FEATURES))


if __name__ == "__main__":
    main()
