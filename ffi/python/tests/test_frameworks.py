"""Models of frameworks, where these are installed."""

from __future__ import annotations

import kinglet_edge as kinglet
import numpy as np
import pytest


def test_torch_modules():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    x = np.random.default_rng(0).normal(0, 1, (64, 6)).astype(np.float32)
    model = kinglet.Model(kinglet.compile(module, example=torch.zeros(1, 6)))
    with torch.no_grad():
        np.testing.assert_allclose(model(x), module(torch.from_numpy(x)).numpy(), rtol=1e-4, atol=1e-5)
    with pytest.raises(kinglet.UsageError, match="give example="):
        kinglet.compile(module)


def test_keras_models():
    keras = pytest.importorskip("keras", reason="keras is not installed")
    pytest.importorskip("tensorflow", reason="tensorflow is not installed")
    network = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(3)])
    x = np.random.default_rng(0).normal(0, 1, (64, 6)).astype(np.float32)
    model = kinglet.Model(kinglet.compile(network))
    np.testing.assert_allclose(model(x), network.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
