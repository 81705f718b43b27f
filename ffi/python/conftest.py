"""Where the repository is, and what tests share.

The package under test is the installed one. Tests that cannot run say so in a line that begins with `skipped: `, which the
project's test command counts.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(os.environ.get("KINGLET_ROOT", Path(__file__).parents[2]))


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line(f"skipped: python-test: {report.nodeid}: {reason.removeprefix('Skipped: ')}")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def digits():
    """The example of digits: the model's path, calibration images, test images and their labels."""
    folder = ROOT / "examples/digits"
    calib, test = np.load(folder / "calib.npz"), np.load(folder / "test.npz")
    return folder / "model.onnx", calib["x"], test["x"], test["y"]


@pytest.fixture(scope="session")
def digits_blob(digits):
    import kinglet_edge as kinglet

    return kinglet.compile(digits[0], digits[1], golden=2)


@pytest.fixture(scope="session")
def command():
    """The `kinglet` program of the repository, as a function of its arguments."""
    program = os.environ.get("KINGLET_BIN")
    if not program:
        pytest.skip("KINGLET_BIN does not say where the kinglet program is")

    def run(*arguments, check=True):
        result = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
        assert result.returncode == 0 or not check, result.stderr
        return result

    return run


@pytest.fixture(scope="session")
def tabular():
    """Features of one scale and two classes: training and test halves of scikit-learn's breast cancer data."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    x, y = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x).astype(np.float32)
    return train_test_split(x[:, :10], y, test_size=0.4, random_state=3)


class Counted:
    """A function that counts the rows that it was asked about."""

    def __init__(self, function):
        self.function, self.rows = function, 0

    def __call__(self, x):
        self.rows += len(x)
        return self.function(np.asarray(x, np.float32))


@pytest.fixture
def counted():
    return Counted
