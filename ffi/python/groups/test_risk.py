"""The notebook about risk runs, and what it says about its blob is so."""

from __future__ import annotations

import runpy

import numpy as np
from sklearn.neural_network import MLPClassifier


def test_the_notebook(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cells = runpy.run_path(str(root / "examples/notebooks/risk.py"))
    said = capsys.readouterr().out
    print(said)
    assert (tmp_path / "risk.kgl").read_bytes() == bytes(cells["models"][8].blob_)
    # Of six features there are 62 choices of some; each is asked of each explained row on each of the background.
    assert cells["asked"] >= 20 * 62 * 30
    assert cells["likeness"] > 0.99
    loss = {bits: cells["lost"](model) for bits, model in cells["models"].items()}
    assert abs(loss[8][0][0]) < 1 and loss[2][1][0] > loss[8][1][0]
    # The 8-bit model answers without the float model.
    test = cells["test"]
    want = cells["models"][8].predict_proba(test)

    def refuse(self, *_):
        raise AssertionError("the float model was asked")

    monkeypatch.setattr(MLPClassifier, "predict_proba", refuse)
    assert np.array_equal(cells["approve"](test), want[:, 1])
