"""fairlearn tells which group lost by shrinking."""

from __future__ import annotations

import numpy as np
from fairlearn.metrics import MetricFrame
from kinglet_edge.sklearn import KingletClassifier
from sklearn.metrics import accuracy_score
from sklearn.neural_network import MLPClassifier


def unequal(count: int, seed: int):
    """Two groups: of one the classes lie far apart, of the other they differ by a fine pattern that few bits lose."""
    rng = np.random.default_rng(seed)
    group = (rng.random(count) < 0.3).astype(int)
    x = rng.normal(0, 1, (count, 6)).astype(np.float32)
    fine = np.sin(2.5 * x[:, 0]) + 0.8 * x[:, 1] * x[:, 2]
    y = np.where(group == 1, fine > 0, x[:, 3] > 0).astype(int)
    return np.column_stack([x, 2 * group - 1]).astype(np.float32), y, group


def test_groups_of_float_and_blob_are_compared():
    x, y, _ = unequal(4000, 0)
    test, truth, group = unequal(4000, 1)
    wrapped = KingletClassifier(MLPClassifier((48, 24), max_iter=200, random_state=0), bits=2).fit(x, y)
    frames = {
        name: MetricFrame(metrics=accuracy_score, y_true=truth, y_pred=model.predict(test), sensitive_features=group)
        for name, model in (("float", wrapped.estimator_), ("blob", wrapped))
    }
    lost = (frames["float"].by_group - frames["blob"].by_group) * 100
    print(f"percentage points lost by group: {lost.to_dict()}, {np.bincount(group)} samples")
    for name, frame in frames.items():
        predicted = (wrapped if name == "blob" else wrapped.estimator_).predict(test)
        for each in (0, 1):
            assert frame.by_group[each] == accuracy_score(truth[group == each], predicted[group == each])
    assert lost.idxmax() == 1 and lost[1] >= lost[0] + 3
