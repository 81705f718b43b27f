# %% [markdown]
# # The best network that a board can hold: optuna under budgets of RAM, flash and time
#
# The objective is the accuracy of the blob; the constraints are what `kinglet fit` says about a board by name. No board
# is needed. The cells run in order as a script.

# %%
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import optuna
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from kinglet_edge.sklearn import KingletClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
optuna.logging.set_verbosity(optuna.logging.ERROR)
BOARD = "nucleo-l4r5zi"
BUDGET = {"ram_bytes": 2000, "flash_bytes": 30000, "milliseconds": 0.5}

x, y = load_digits(return_X_y=True)
x, test, y, truth = train_test_split((x / 16).astype(np.float32), y, test_size=0.3, random_state=0, stratify=y)

# %% [markdown]
# What a blob takes on the board: the arena and the stack, the blob and the code of its operators, and the time of an
# inference. [How good these figures are](../../docs/fit.md#how-good-the-figures-are).

# %%
folder = tempfile.TemporaryDirectory()


def on_board(blob):
    path = Path(folder.name) / "candidate.kgl"
    blob.save(path)
    command = [sys.executable, "-m", "kinglet_edge", "fit", str(path), "--board", BOARD, "--json"]
    # A model that does not fit ends the command with 1, and the answer is there all the same.
    answer = subprocess.run(command, capture_output=True, text=True)
    boards = json.loads(answer.stdout)["boards"]
    return {name: boards[0][name] for name in BUDGET}


def objective(trial):
    layers = (trial.suggest_int("width", 8, 128, log=True),) * trial.suggest_int("layers", 1, 2)
    bits = trial.suggest_categorical("bits", [8, 4, 2])
    model = KingletClassifier(MLPClassifier(layers, max_iter=60, random_state=0), bits=bits, target=BOARD).fit(x, y)
    costs = on_board(model.blob_)
    trial.set_user_attr("costs", costs)
    for name, most in BUDGET.items():
        trial.set_constraint(name, costs[name] / most - 1)  # above zero: over the budget
    return model.score(test, truth), costs["flash_bytes"]


sampler = optuna.samplers.TPESampler(seed=1, n_startup_trials=5)
study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
study.optimize(objective, n_trials=10)

# %% [markdown]
# The front: models within the budget that no other beats in accuracy and flash at once.

# %%
front = sorted(study.best_trials, key=lambda trial: trial.values[1])
over = [trial for trial in study.trials if any(trial.user_attrs["costs"][name] > BUDGET[name] for name in BUDGET)]
print(f"{len(study.trials)} networks tried on {BOARD}, {len(over)} over the budget {BUDGET}")
for trial in front:
    costs = trial.user_attrs["costs"]
    bar = "#" * round((trial.values[0] - 0.8) * 200)
    print(
        f"    accuracy {trial.values[0]:.4f}, {costs['flash_bytes']:,} bytes of flash, {costs['ram_bytes']:,} of RAM, "
        f"{costs['milliseconds']:.3f} ms, {trial.params} {bar}"
    )
