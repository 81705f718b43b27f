"""lime explains the integer model."""

from __future__ import annotations

import numpy as np
from kinglet_edge.sklearn import KingletClassifier
from lime.lime_tabular import LimeTabularExplainer
from sklearn.neural_network import MLPClassifier


def test_explanations_are_those_of_the_blob(tabular, counted):
    x, rest, y, _ = tabular
    wrapped = KingletClassifier(MLPClassifier((16,), max_iter=400, random_state=0)).fit(x, y)
    weights = {}
    for name, model in (("blob", wrapped), ("float", wrapped.estimator_)):
        explainer = LimeTabularExplainer(x, random_state=0, discretize_continuous=False)
        function = counted(model.predict_proba)
        lines = [explainer.explain_instance(row, function, num_features=10, num_samples=500).as_map()[1] for row in rest[:8]]
        assert function.rows == 8 * 500
        weights[name] = np.array([[weight for _, weight in sorted(line)] for line in lines])
    likeness = np.corrcoef(weights["blob"].ravel(), weights["float"].ravel())[0, 1]
    print(f"correlation with the float model's explanations: {likeness:.4f}")
    assert likeness >= 0.99
