"""Estimators of scikit-learn that predict with the blob.

`KingletClassifier` and `KingletRegressor` wrap an estimator or a pipeline: `fit` trains it, writes it as ONNX, compiles it
with the training data as calibration and keeps the blob; `predict` asks the blob only. So cross-validation, grid searches
over `bits` and every metric judge what a device computes.

    from kinglet_edge.sklearn import KingletClassifier

    search = GridSearchCV(KingletClassifier(MLPClassifier()), {"bits": [8, 4, 2]})
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ._blob import Blob
from ._compile import compile as _compile
from ._errors import CompileError, DataError, KingletWarning
from ._model import Model

__all__ = ["KingletClassifier", "KingletRegressor"]


class _Compiled(MetaEstimatorMixin, BaseEstimator):
    """What both kinds of estimators have in common.

    Parameters
    ----------
    estimator : estimator or pipeline of scikit-learn that skl2onnx can write.
    bits : 8, 4, 3, 2 or "auto": of each weight, where the model is calibrated.
    target : the machine that is to run the blob, as for `kinglet_edge.compile`.
    calibrate : "auto", True or False. True: the model becomes int8, and what cannot become so is a `CompileError`. "auto":
        what cannot become so (trees, for instance) stays float32, and a `KingletWarning` says why.
    max_drop : with bits="auto", per cent of samples whose decision may change.
    calibration_samples : so many rows of the training data at most are calibrated on, evenly spread.
    options : further options of `kinglet_edge.compile`, as a dict.

    Attributes
    ----------
    estimator_ : the fitted estimator, in floating point. `predict` does not ask it.
    blob_ : the `Blob`, with its report.
    model_ : the `Model` that predicts.
    is_integer_ : whether the model was calibrated, so that it computes on integers.
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        bits: int | str = 8,
        target: str = "portable",
        calibrate: bool | str = "auto",
        max_drop: float | None = None,
        calibration_samples: int = 512,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.estimator = estimator
        self.bits = bits
        self.target = target
        self.calibrate = calibrate
        self.max_drop = max_drop
        self.calibration_samples = calibration_samples
        self.options = options

    def fit(self, X: Any, y: Any, **fit_params: Any) -> Any:  # noqa: N803
        """Trains a clone of the estimator on X of shape [samples, features] and y of [samples], and compiles it."""
        self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        self.n_features_in_ = np.shape(X)[1]
        rows = np.asarray(X, np.float32)
        count = min(len(rows), self.calibration_samples)
        samples = rows[np.linspace(0, len(rows) - 1, count).astype(int)]
        self.blob_, self.is_integer_ = self._compiled(samples)
        self.model_ = Model(self.blob_)
        return self

    def _compiled(self, samples: np.ndarray[Any, Any]) -> tuple[Blob, bool]:
        options = dict(self.options or {})
        made = {"target": self.target, "example": samples[:1], "name": type(self.estimator_).__name__, **options}
        if self.calibrate is False:
            return _compile(self.estimator_, **made), False
        quantized = {"bits": self.bits, "max_drop": self.max_drop, **made}
        try:
            return _compile(self.estimator_, samples, **quantized), True
        except (CompileError, DataError) as error:
            if self.calibrate != "auto":
                raise
            warnings.warn(f"the model stays float32: {error}", KingletWarning, stacklevel=4)
            return _compile(self.estimator_, **made), False

    def _outputs(self, X: Any) -> list[np.ndarray[Any, Any]]:  # noqa: N803
        check_is_fitted(self, "model_")
        results = self.model_(np.asarray(X, np.float32))
        return results if isinstance(results, list) else [results]


def _has_probabilities(classifier: Any) -> bool:
    return hasattr(getattr(classifier, "estimator_", classifier.estimator), "predict_proba")


class KingletClassifier(ClassifierMixin, _Compiled):
    __doc__ = "A classifier that predicts with a blob.\n" + (_Compiled.__doc__ or "").partition("\n")[2]

    def fit(self, X: Any, y: Any, **fit_params: Any) -> KingletClassifier:  # noqa: N803
        """Trains a clone of the estimator on X of shape [samples, features] and y of [samples], and compiles it."""
        super().fit(X, y, **fit_params)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X: Any) -> np.ndarray[Any, Any]:  # noqa: N803
        """The classes of X [samples, features], as the blob says."""
        labels = self._outputs(X)[0].reshape(len(X))
        if self.classes_.dtype.kind in "iuf":
            return np.asarray(labels, self.classes_.dtype)
        # Classes that are texts are numbers on a device: their places in the list.
        return np.asarray(self.classes_[labels.astype(int)])

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray[Any, Any]:  # noqa: N803
        """The probability of each class for X [samples, features]: float32 of [samples, classes]."""
        return self._outputs(X)[1].reshape(len(X), len(self.classes_))


class KingletRegressor(RegressorMixin, _Compiled):
    __doc__ = "A regressor that predicts with a blob.\n" + (_Compiled.__doc__ or "").partition("\n")[2]

    def predict(self, X: Any) -> np.ndarray[Any, Any]:  # noqa: N803
        """What the blob says of X [samples, features]: [samples], or [samples, targets]."""
        result = self._outputs(X)[0].reshape(len(X), -1)
        return result[:, 0] if result.shape[1] == 1 else result
