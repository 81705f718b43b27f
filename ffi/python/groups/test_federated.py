"""The notebook about federated learning runs: near to central training, and few bytes a round."""

from __future__ import annotations

import runpy

import numpy as np


def test_the_notebook(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cells = runpy.run_path(str(root / "examples/notebooks/federated.py"))
    print(capsys.readouterr().out)
    assert cells["CLIENTS"] >= 10 and len(cells["history"]) == cells["ROUNDS"] == 5
    assert cells["history"][-1] >= cells["central"] - 0.02
    assert cells["history"][-1] > cells["before"] + 0.1
    assert cells["moved"] <= 2 * sum(part.nbytes for part in cells["head"])
    # The features are the blob's: int8, and the same whoever asks.
    assert cells["blob"].report.arithmetic == "int8"
    assert np.array_equal(cells["device"](cells["seen"](cells["test"])), cells["of_test"])
    # Clipping holds what one device can move.
    head = cells["head"]
    far = [part + 5 for part in head]
    length = np.sqrt(sum(((new - old) ** 2).sum() for new, old in zip(cells["clipped"](far, head, 2.0), head)))
    assert abs(length - 2.0) < 1e-3
