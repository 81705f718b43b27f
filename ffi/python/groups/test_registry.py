"""The notebook about versions runs, and what it writes for the server is what it logged."""

from __future__ import annotations

import json
import runpy

import kinglet_edge as kinglet
import numpy as np


def test_the_notebook(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KINGLET_ROOT", str(root))
    cells = runpy.run_path(str(root / "examples/notebooks/registry.py"))
    print(capsys.readouterr().out)
    served = tmp_path / "served/digits"
    aliases = json.loads((served / "aliases.json").read_text())["aliases"]
    assert aliases == {"stable": "1", "candidate": "2"}
    sizes = {version: len((served / version / "model.kgl").read_bytes()) for version in ("1", "2")}
    assert sizes["2"] < sizes["1"]
    model = kinglet.Model(served / aliases["stable"] / "model.kgl")
    assert model.self_test() == 2
    images = cells["test"]["x"][:20].astype(np.float32)
    assert np.array_equal(model(images).argmax(1), cells["answers"])
