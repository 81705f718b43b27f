"""The notebook about explanations runs, asks the blobs, and few bits change what is explained."""

from __future__ import annotations

import runpy


def test_the_notebook(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KINGLET_ROOT", str(root))
    cells = runpy.run_path(str(root / "examples/notebooks/explanation.py"))
    print(capsys.readouterr().out)
    # shap and lime asked the 8-bit blob about as many rows as they were told to.
    assert cells["image_rows"] >= 6 * 600
    assert cells["functions"][8].rows == 8 * 500
    for likeness in (cells["occluded"], cells["of_images"], cells["of_tables"]):
        assert likeness[8] >= 0.99 and likeness[2] < likeness[8]
