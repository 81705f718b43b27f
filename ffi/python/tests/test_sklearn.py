"""Estimators of scikit-learn: what is scored is what a device computes."""

from __future__ import annotations

import pickle
import warnings

import kinglet_edge as kinglet
import numpy as np
import pytest
from kinglet_edge.sklearn import KingletClassifier, KingletRegressor
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC


@pytest.fixture(autouse=True)
def float_is_never_asked(monkeypatch):
    """Estimators that predict with the blob must not ask the float model."""
    def refuse(self, *_):
        raise AssertionError("the float model was asked")

    for cls in (LogisticRegression, MLPClassifier, LinearRegression, MLPRegressor):
        for method in ("predict", "predict_proba"):
            if hasattr(cls, method):
                monkeypatch.setattr(cls, method, refuse)


@pytest.fixture(scope="module")
def images():
    x, y = load_digits(return_X_y=True)
    return x.astype(np.float32)[:1000], y[:1000]


def network(**options):
    return make_pipeline(MinMaxScaler(), MLPClassifier((24,), max_iter=60, random_state=1, **options))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_pipeline_becomes_integers(images):
    x, y = images
    wrapped = KingletClassifier(network(), target="cortex-m4").fit(x[:800], y[:800])
    assert wrapped.is_integer_ and wrapped.blob_.report.arithmetic == "int8"
    assert wrapped.blob_.target == "cortex-m4"
    assert wrapped.score(x[800:], y[800:]) > 0.85
    chances = wrapped.predict_proba(x[800:])
    assert chances.shape == (200, 10)
    assert np.mean(wrapped.classes_[chances.argmax(1)] == wrapped.predict(x[800:])) > 0.99
    again = pickle.loads(pickle.dumps(wrapped))
    assert np.array_equal(again.predict(x[800:]), wrapped.predict(x[800:]))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_cross_validation_and_a_search_over_bits(images):
    x, y = images
    scores = cross_val_score(KingletClassifier(network()), x, y, cv=3)
    of_float = cross_val_score(KingletClassifier(network(), calibrate=False), x, y, cv=3)
    assert len(scores) == 3 and scores.min() > 0.7 and abs(scores.mean() - of_float.mean()) < 0.02
    search = GridSearchCV(KingletClassifier(network()), {"bits": [8, 2], "estimator__mlpclassifier__alpha": [1e-3]}, cv=2)
    search.fit(x, y)
    assert set(search.cv_results_["param_bits"]) == {8, 2}
    assert search.best_estimator_.blob_.report.layers
    sizes = {bits: len(KingletClassifier(network(), bits=bits).fit(x, y).blob_) for bits in (8, 2)}
    assert sizes[2] < sizes[8]


def test_classes_that_are_texts_keep_their_names():
    data = load_iris()
    x, names = data.data.astype(np.float32), data.target_names[data.target]
    wrapped = KingletClassifier(LogisticRegression(max_iter=500)).fit(x, names)
    assert wrapped.blob_.labels == tuple(sorted(set(names)))
    assert wrapped.score(x, names) > 0.9


def test_classifiers_without_probabilities_have_none():
    x, y = load_iris(return_X_y=True)
    x = x.astype(np.float32)
    wrapped = KingletClassifier(LinearSVC(random_state=0)).fit(x, y.astype(float))
    assert wrapped.is_integer_ and wrapped.score(x, y) > 0.9
    assert wrapped.predict(x).dtype == float
    assert not hasattr(wrapped, "predict_proba")
    assert hasattr(KingletClassifier(LogisticRegression()), "predict_proba")


def test_forests_become_integers():
    x, y = load_iris(return_X_y=True)
    x = x.astype(np.float32)
    wrapped = KingletClassifier(RandomForestClassifier(5, random_state=0)).fit(x, y)
    assert wrapped.is_integer_ and wrapped.blob_.report.arithmetic == "int16"
    assert np.array_equal(wrapped.predict(x), wrapped.estimator_.predict(x))
    assert np.allclose(wrapped.predict_proba(x), wrapped.estimator_.predict_proba(x), atol=1e-3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_regressors_regress():
    x, y = load_diabetes(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kinglet.KingletWarning)
        linear = KingletRegressor(make_pipeline(StandardScaler(), LinearRegression())).fit(x, y)
    assert linear.is_integer_ and linear.score(x, y) > 0.45
    assert linear.predict(x).shape == y.shape
    assert cross_val_score(linear, x, y, cv=2).shape == (2,)


def test_estimators_are_compiled_directly():
    x, y = load_iris(return_X_y=True)
    fitted = LogisticRegression(max_iter=500).fit(x, y)
    model = kinglet.Model(kinglet.compile(fitted, x.astype(np.float32)))
    labels = model(x)[0].ravel()
    assert np.mean(labels == y) > 0.9
    with pytest.raises(kinglet.ExportError, match="how many features"):
        kinglet.compile(LogisticRegression())
