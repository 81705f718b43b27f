"""Types: a user's program is checked against those of the package, and the package against its own."""

from __future__ import annotations

import subprocess
import sys

RIGHT = """
import numpy as np
import kinglet_edge as kinglet

blob = kinglet.compile("model.onnx", np.zeros((4, 3)), bits=4)
report = blob.report
assert report is not None
size: int = report.blob_bytes
noise: list[float | None] = [layer.sqnr_db for layer in report.layers]
arena: int = kinglet.Model(blob).memory().arena_bytes
version: str = kinglet.__version__
"""

WRONG = """
import kinglet_edge as kinglet

kinglet.compile("model.onnx", bits=[4])
kinglet.Blob.load(7)
size: str = kinglet.Model("a.kgl").memory().arena_bytes
"""


def check(*arguments, cwd):
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", cwd / "cache", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def test_programs_are_checked(tmp_path):
    for name, text in (("right", RIGHT), ("wrong", WRONG)):
        (tmp_path / f"{name}.py").write_text(text)
    right = check("right.py", cwd=tmp_path)
    assert right.returncode == 0, right.stdout
    wrong = check("wrong.py", cwd=tmp_path).stdout
    assert [line.split(":")[1] for line in wrong.splitlines() if "error:" in line] == ["4", "5", "6"]


def test_the_package_is_typed(tmp_path):
    # scikit-learn has no types, so its classes and decorators are unknown.
    options = ("--ignore-missing-imports", "--allow-subclassing-any", "--allow-untyped-decorators", "-p", "kinglet_edge")
    done = check(*options, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
