"""Tables are DataFrames where pandas is installed, and frames are data."""

from __future__ import annotations

import kinglet_edge as kinglet
import numpy as np
import pandas as pd
from kinglet_edge.sklearn import KingletClassifier
from sklearn.linear_model import LogisticRegression


def test_tables_are_frames(digits_blob):
    table = digits_blob.report.table()
    assert isinstance(table, pd.DataFrame)
    assert list(table["node"]) == [layer.node for layer in digits_blob.report.layers]
    operators = kinglet.Model(digits_blob).explain_layers().table()
    assert operators["macs"].sum() == digits_blob.report.macs


def test_frames_are_data(tabular):
    x, rest, y, truth = tabular
    names = [f"f{index}" for index in range(x.shape[1])]
    wrapped = KingletClassifier(LogisticRegression()).fit(pd.DataFrame(x, columns=names), pd.Series(y))
    assert np.array_equal(wrapped.predict(pd.DataFrame(rest, columns=names)), wrapped.predict(rest))
    assert wrapped.score(rest, truth) > 0.85
