"""The notebook about evaluation runs, and what it says about its blobs is so."""

from __future__ import annotations

import runpy

import numpy as np


def test_the_notebook(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cells = runpy.run_path(str(root / "examples/notebooks/evaluation.py"))
    print(capsys.readouterr().out)
    scores = cells["scores"]
    assert abs(scores[8].mean() - scores["float"].mean()) < 0.01
    assert scores[8].mean() >= scores[2].mean() - 0.005
    assert cells["area"] > 0.98 and len(cells["share"]) == 5
    # The search kept the smallest of those within the drop, and what it kept has that size.
    table, chosen = cells["table"], cells["chosen"]
    accuracy, sizes = table["mean_test_accuracy"], -table["mean_test_bytes"]
    within = accuracy >= accuracy.max() - cells["DROP"]
    assert sizes[cells["search"].best_index_] == sizes[within].min() < sizes.max()
    assert abs(len(chosen.blob_) - sizes[within].min()) < 64
    assert np.array_equal(chosen.predict(cells["x"][:50]), chosen.model_(cells["x"][:50])[0].ravel())
