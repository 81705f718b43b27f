"""optuna searches under the budgets of a device."""

from __future__ import annotations

import optuna
from kinglet_edge.sklearn import KingletClassifier
from sklearn.neural_network import MLPClassifier

FLASH_BYTES = 2600


def test_a_search_keeps_to_flash(tabular):
    x, rest, y, truth = tabular
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial):
        width, bits = trial.suggest_int("width", 4, 64, log=True), trial.suggest_categorical("bits", [8, 4, 2])
        network = MLPClassifier((width,), max_iter=120, random_state=0)
        model = KingletClassifier(network, bits=bits, target="cortex-m0plus").fit(x, y)
        memory = model.model_.memory()
        trial.set_user_attr("over", [memory.blob_bytes - FLASH_BYTES])
        return model.score(rest, truth), memory.blob_bytes

    sampler = optuna.samplers.TPESampler(seed=0, constraints_func=lambda trial: trial.user_attrs["over"])
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    study.optimize(objective, n_trials=12)
    sizes = [trial.values[1] for trial in study.trials]
    assert min(sizes) <= FLASH_BYTES < max(sizes)
    best = study.best_trials
    assert best and all(trial.user_attrs["over"][0] <= 0 for trial in best)
    assert max(trial.values[0] for trial in best) > 0.85
    print(f"{len(best)} blobs on the front, up to {max(trial.values[0] for trial in best):.3f} within {FLASH_BYTES} bytes")
