"""The notebook about scale runs in a short form: other processes count what this one does."""

from __future__ import annotations

import os
import subprocess
import sys


def test_the_notebook(root, tmp_path):
    # A program of its own, since its workers import it.
    environment = {**os.environ, "KINGLET_SAMPLES": "30000"}
    command = [sys.executable, str(root / "examples/notebooks/scale.py")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=600)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert "30,000 samples by 2 processes" in done.stdout
    assert "the same counts as in this process" in done.stdout
