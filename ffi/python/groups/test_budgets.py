"""The notebook about budgets runs: networks over the budget of the board are not on the front."""

from __future__ import annotations

import runpy


def test_the_notebook(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cells = runpy.run_path(str(root / "examples/notebooks/budgets.py"))
    print(capsys.readouterr().out)
    budget, front = cells["BUDGET"], cells["front"]
    assert front and cells["over"], "the budget forbids nothing, or everything"
    for trial in front:
        costs = trial.user_attrs["costs"]
        assert all(costs[name] <= budget[name] for name in budget)
    accuracies = [trial.values[0] for trial in front]
    assert accuracies == sorted(accuracies) and accuracies[-1] > 0.9
