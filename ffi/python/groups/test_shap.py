"""shap explains the integer model: it asks the blob and nothing else."""

from __future__ import annotations

import numpy as np
import shap
from kinglet_edge.sklearn import KingletClassifier
from sklearn.neural_network import MLPClassifier


def explained(function, background, rows):
    # All 1,022 choices of some of ten features, so that nothing is drawn and what differs is the model.
    explainer = shap.KernelExplainer(function, background, silent=True)
    return np.asarray(explainer.shap_values(rows, nsamples=1100, l1_reg=False, silent=True))


def test_explanations_are_those_of_the_blob(tabular, counted, monkeypatch):
    x, rest, y, _ = tabular
    background, rows = x[:20], rest[:30]
    wrapped = {bits: KingletClassifier(MLPClassifier((16,), max_iter=400, random_state=0), bits=bits).fit(x, y) for bits in (8, 2)}
    network = wrapped[8].estimator_
    of_float = explained(lambda each: network.predict_proba(each)[:, 1], background, rows)

    def asked(self, *_):
        raise AssertionError("the float model was asked")

    monkeypatch.setattr(MLPClassifier, "predict_proba", asked)
    monkeypatch.setattr(MLPClassifier, "predict", asked)
    likeness = {}
    for bits, model in wrapped.items():
        assert model.is_integer_
        function = counted(lambda each, model=model: model.predict_proba(each)[:, 1])
        values = explained(function, background, rows)
        assert function.rows >= len(rows) * len(background) * 1022
        # What the features explain together is what the blob says beyond its mean.
        base = model.predict_proba(background)[:, 1].mean()
        np.testing.assert_allclose(values.sum(1) + base, model.predict_proba(rows)[:, 1], atol=1e-3)
        likeness[bits] = np.corrcoef(values.ravel(), of_float.ravel())[0, 1]
    print(f"correlation with the float model's explanations: {likeness}")
    assert likeness[8] >= 0.99 and likeness[2] < likeness[8]
