# %% [markdown]
# # How good is the blob? Cross-validation, ROC, F1, calibration, and the smallest model within a drop
#
# scikit-learn's own tools, asked about what a device computes: `KingletClassifier` trains, compiles and predicts with the
# integer model, so nothing here is measured on floats unless it says so. The cells run in order as a script,
# `python examples/notebooks/evaluation.py`, or in an editor that knows `# %%`. The data comes with scikit-learn.

# %%
import warnings

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import brier_score_loss, classification_report, confusion_matrix, f1_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from kinglet_edge.sklearn import KingletClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
x, y = load_digits(return_X_y=True)
x = x.astype(np.float32)
folds = StratifiedKFold(3, shuffle=True, random_state=0)


def network(width=24):
    return make_pipeline(MinMaxScaler(), MLPClassifier((width,), max_iter=60, random_state=1))


# %% [markdown]
# ## Cross-validation
#
# The same folds for all, so that scores can be compared fold by fold. `calibrate=False` is the float model, by the same
# engine.

# %%
scores = {"float": cross_val_score(KingletClassifier(network(), calibrate=False), x, y, cv=folds)}
for bits in (8, 4, 2):
    scores[bits] = cross_val_score(KingletClassifier(network(), bits=bits), x, y, cv=folds)
for name, values in scores.items():
    difference = (values - scores["float"]) * 100
    spread = difference.std(ddof=1) / np.sqrt(len(difference))
    print(f"{name!s:>5}: accuracy {values.mean():.4f}, {difference.mean():+.2f} points to float (standard error {spread:.2f})")

# %% [markdown]
# ## ROC, F1, confusion and calibration of the integer model
#
# Each image is judged by a blob that was not trained on it.

# %%
chances = cross_val_predict(KingletClassifier(network(), bits=8), x, y, cv=folds, method="predict_proba")
answers = chances.argmax(1)
# An int8 softmax gives steps of 1/256: a row adds up to 1 within a few of them, and is brought to exactly 1.
area = roc_auc_score(y, chances / chances.sum(1, keepdims=True), multi_class="ovr")
print(f"area under the curve {area:.4f}, F1 {f1_score(y, answers, average='macro'):.4f}")
print(classification_report(y, answers, digits=3))
print(confusion_matrix(y, answers))

# %% [markdown]
# Can its confidence be trusted? Answers in a bin of confidence should be right as often as the bin says.

# %%
confidence, is_right = chances.max(1), (answers == y).astype(int)
share, said = calibration_curve(is_right, np.clip(confidence, 0, 1), n_bins=5, strategy="quantile")
print(f"Brier score of the confidence: {brier_score_loss(is_right, np.clip(confidence, 0, 1)):.4f}")
for wanted, found in zip(said, share):
    print(f"    says {wanted:.3f}, is right in {found:.3f}")

# %% [markdown]
# ## The smallest model within a drop
#
# `GridSearchCV` over bits and width; of all that lose at most two points to the best, the one with the fewest bytes is kept.

# %%
DROP = 0.02


def blob_bytes(estimator, *_):
    return -len(estimator.blob_)


def smallest(results):
    """The place of the smallest blob whose accuracy is within the drop."""
    accuracy = results["mean_test_accuracy"]
    fits = np.flatnonzero(accuracy >= accuracy.max() - DROP)
    return int(fits[np.argmax(results["mean_test_bytes"][fits])])


search = GridSearchCV(
    KingletClassifier(network(), target="cortex-m0plus"),
    {"bits": [8, 2], "estimator__mlpclassifier__hidden_layer_sizes": [(16,), (32,)]},
    scoring={"accuracy": "accuracy", "bytes": blob_bytes},
    refit=smallest,
    cv=2,
)
search.fit(x, y)
table = search.cv_results_
for params, accuracy, size in zip(table["params"], table["mean_test_accuracy"], -table["mean_test_bytes"]):
    width = params["estimator__mlpclassifier__hidden_layer_sizes"][0]
    print(f"    {params['bits']} bits, {width:>2} wide: accuracy {accuracy:.4f}, {size:,.0f} bytes")
chosen = search.best_estimator_
print(f"kept: {search.best_params_}, {len(chosen.blob_)} bytes, arena {chosen.model_.memory().arena_bytes} bytes")
