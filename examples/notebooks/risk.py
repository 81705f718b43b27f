# %% [markdown]
# # Risk scoring on a device: explained, and fair by group
#
# A score for credit, from a table to a blob, with shap and fairlearn asking the blob itself: what they say holds for what a
# device computes. The cells run in order as a script, `python examples/notebooks/risk.py`, or in an editor that knows `# %%`.
#
# The data is drawn by the first cell, so there is nothing to download; what it says about people is made up.

# %%
import numpy as np
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

import kinglet_edge as kinglet
from kinglet_edge.sklearn import KingletClassifier

NAMES = ["income", "debt", "years", "late", "accounts", "age"]


def draw(count, seed):
    """Applicants, whether they paid, and the group that they belong to: one in five is new to the country, whose few years on
    record say little, so that finer patterns of debt and accounts decide."""
    rng = np.random.default_rng(seed)
    group = (rng.random(count) < 0.2).astype(int)
    income, debt = rng.lognormal(3.4, 0.4, count), rng.gamma(2, 6, count)
    years = np.where(group == 1, rng.uniform(0, 2, count), rng.uniform(0, 25, count))
    late, accounts = rng.poisson(1.2, count), rng.integers(0, 9, count)
    age = rng.uniform(20, 70, count)
    settled = 0.08 * income - 0.12 * debt + 0.12 * years - 0.9 * late
    new = 0.08 * income - 0.12 * debt - 0.9 * late + 1.5 * np.sin(1.3 * accounts)
    score = np.where(group == 1, new, settled)
    paid = score + rng.logistic(0, 0.4, count) > 0.2
    return np.column_stack([income, debt, years, late, accounts, age]), paid.astype(int), group


(x, y, _), (test, truth, group) = draw(6000, 1), draw(4000, 2)

# %% [markdown]
# Features of very different sizes share one int8 scale, so they are brought to one size in front of the model. On the device that
# is a subtraction and a division for each feature.

# %%
scaler = StandardScaler().fit(x)
x, test = (scaler.transform(rows).astype(np.float32) for rows in (x, test))
network = MLPClassifier((24, 12), max_iter=150, random_state=0)
models = {bits: KingletClassifier(network, bits=bits, target="cortex-m0plus").fit(x, y) for bits in (8, 4, 2)}
of_float = models[8].estimator_

print(f"float: accuracy {of_float.score(test, truth):.3f}, area {roc_auc_score(truth, of_float.predict_proba(test)[:, 1]):.3f}")
for bits, model in models.items():
    area = roc_auc_score(truth, model.predict_proba(test)[:, 1])
    memory = model.model_.memory()
    print(
        f"{bits} bits: accuracy {model.score(test, truth):.3f}, area {area:.3f}, "
        f"{memory.blob_bytes} bytes of flash, {memory.arena_bytes} of RAM"
    )

# %% [markdown]
# ## Which group pays for fewer bits
#
# Intervals are of 95 %, from a thousand draws of the test set with replacement. Where those of two groups overlap, nothing is known about
# who pays more; `ffi/python/groups/test_fairlearn.py` has data of which one group does.

# %%
from fairlearn.metrics import MetricFrame, demographic_parity_difference  # noqa: E402


def lost(model):
    """Percentage points of accuracy that each group loses to the float model, with their intervals."""
    right = [(each.predict(test) == truth).astype(float) for each in (of_float, model)]
    difference = (right[0] - right[1]) * 100
    rng = np.random.default_rng(0)
    lines = {}
    for each in (0, 1):
        own = difference[group == each]
        means = [own[rng.integers(0, len(own), len(own))].mean() for _ in range(1000)]
        lines[each] = (own.mean(), *np.percentile(means, [2.5, 97.5]))
    return lines


for bits, model in models.items():
    predicted = model.predict(test)
    frame = MetricFrame(metrics=accuracy_score, y_true=truth, y_pred=predicted, sensitive_features=group)
    parity = demographic_parity_difference(truth, predicted, sensitive_features=group)
    print(f"{bits} bits: accuracy by group {frame.by_group.round(3).to_dict()}, difference in approvals {parity:.3f}")
    for each, (mean, low, high) in sorted(lost(model).items(), key=lambda line: -line[1][0]):
        print(f"    group {each} lost {mean:.2f} points ({low:.2f} to {high:.2f})")

# %% [markdown]
# ## Why an applicant was refused
#
# shap asks a function; this one counts the rows that it was asked about, all of which the integer model answers.

# %%
import shap  # noqa: E402

asked = 0


def approve(rows):
    global asked
    asked += len(rows)
    return models[8].predict_proba(rows)[:, 1]


explainer = shap.KernelExplainer(approve, x[:30], silent=True)
values = np.asarray(explainer.shap_values(test[:20], nsamples=120, silent=True))
reference = shap.KernelExplainer(lambda rows: of_float.predict_proba(rows)[:, 1], x[:30], silent=True)
of_reference = np.asarray(reference.shap_values(test[:20], nsamples=120, silent=True))
likeness = np.corrcoef(values.ravel(), of_reference.ravel())[0, 1]
print(f"{asked} rows answered by the blob; correlation with the float model's explanations {likeness:.4f}")
for name, weight in sorted(zip(NAMES, np.abs(values).mean(0)), key=lambda pair: -pair[1]):
    print(f"    {name:<9}{weight:.3f}")

# %%
models[8].blob_.save("risk.kgl")
print(kinglet.Model("risk.kgl"))
