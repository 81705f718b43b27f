# %% [markdown]
# # Why this answer? Explanations of the integer model: pictures and tables, by shap, lime and occlusion
#
# Explainers ask a function. Here the function is the blob, so an explanation holds for what the device computes; rows
# are counted to prove that nobody else answers. The same explanations of the float model show how much fewer bits change
# them. The cells run in order as a script, from the root of the repository.

# %%
import os
import warnings
from pathlib import Path

import numpy as np
import shap
from lime.lime_tabular import LimeTabularExplainer
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

import kinglet_edge as kinglet
from kinglet_edge.sklearn import KingletClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
ROOT = Path(os.environ.get("KINGLET_ROOT", "."))


class Counted:
    """A function that counts the rows that it is asked about."""

    def __init__(self, function):
        self.function, self.rows = function, 0

    def __call__(self, rows):
        self.rows += len(rows)
        return self.function(np.asarray(rows, np.float32))


def likeness(one, other):
    return np.corrcoef(np.ravel(one), np.ravel(other))[0, 1]


# %% [markdown]
# ## A picture
#
# The example that reads digits, as float, with 8 and with 2 bits. A picture is cut into 4 x 4 tiles, and a tile is taken
# away by making it black: an explanation says how much each tile speaks for the answer.

# %%
source, calibration = ROOT / "examples/digits/model.onnx", np.load(ROOT / "examples/digits/calib.npz")["x"]
test = np.load(ROOT / "examples/digits/test.npz")
blobs = {"float": kinglet.compile(source)}
blobs |= {bits: kinglet.compile(source, calibration, bits=bits) for bits in (8, 2)}
models = {name: kinglet.Model(blob) for name, blob in blobs.items()}
pictures = test["x"][:6].astype(np.float32)
TILE = 7


def hidden(picture, masks):
    """The picture once for each mask, without the tiles that are 0 in it."""
    tiles = np.asarray(masks, np.float32).reshape(-1, 4, 4)
    return picture * np.kron(tiles, np.ones((TILE, TILE), np.float32))[:, None]


def asked(model, picture, answer):
    return Counted(lambda masks: model(hidden(picture, masks))[:, answer])


# %% [markdown]
# Occlusion takes away one tile after the other. It needs no library.

# %%
answers = [int(np.argmax(models["float"](picture[None]))) for picture in pictures]
one_less = 1 - np.eye(16)


def occlusion(name, picture, answer):
    function = asked(models[name], picture, answer)
    return function(np.ones((1, 16)))[0] - function(one_less)


maps = {name: [occlusion(name, *pair) for pair in zip(pictures, answers)] for name in models}
occluded = {bits: likeness(maps[bits], maps["float"]) for bits in (8, 2)}
print(f"occlusion, correlation with the float model's: {occluded[8]:.4f} at 8 bits, {occluded[2]:.4f} at 2")
print(f"what speaks for a {answers[0]} in the first picture, in percent:")
print((maps[8][0].reshape(4, 4) * 100).round(1))

# %% [markdown]
# shap takes away many tiles at once, so that tiles which can stand in for each other share what they say.

# %%
image_rows = 0


def explained(name, picture, answer):
    global image_rows
    function = asked(models[name], picture, answer)
    explainer = shap.KernelExplainer(function, np.zeros((1, 16)), silent=True)
    np.random.seed(0)  # the same tiles for every model
    values = explainer.shap_values(np.ones((1, 16)), nsamples=600, l1_reg=False, silent=True)
    image_rows += function.rows if name == 8 else 0
    return np.ravel(values)


shapley = {name: [explained(name, *pair) for pair in zip(pictures, answers)] for name in models}
of_images = {bits: likeness(shapley[bits], shapley["float"]) for bits in (8, 2)}
print(f"shap, {image_rows} pictures answered by the 8-bit blob")
print(f"correlation with the float model's: {of_images[8]:.4f} at 8 bits, {of_images[2]:.4f} at 2")

# %% [markdown]
# ## A table
#
# lime fits a line to the model around one row; its weights are the explanation.

# %%
data = load_breast_cancer()
x = StandardScaler().fit_transform(data.data).astype(np.float32)[:, :10]
names = list(data.feature_names[:10])
network = MLPClassifier((16,), max_iter=300, random_state=0)
tabular = {bits: KingletClassifier(network, bits=bits).fit(x[:400], data.target[:400]) for bits in (8, 2)}


def whole(function):
    """Steps of 1/256 add up to 1 within a few of them; lime wants exactly 1."""
    return Counted(lambda rows: (chances := function(rows)) / chances.sum(1, keepdims=True))


functions = {"float": whole(tabular[8].estimator_.predict_proba)}
functions |= {bits: whole(model.predict_proba) for bits, model in tabular.items()}


def weights(function):
    """The weights of all features, for each of some rows."""
    explainer = LimeTabularExplainer(x[:400], feature_names=names, discretize_continuous=False, random_state=0)
    lines = []
    for row in x[400:408]:
        line = explainer.explain_instance(row, function, num_features=10, num_samples=500).as_map()[1]
        lines.append([weight for _, weight in sorted(line)])
    return np.array(lines)


lines = {name: weights(function) for name, function in functions.items()}
of_tables = {bits: likeness(lines[bits], lines["float"]) for bits in (8, 2)}
print(f"lime, {functions[8].rows} rows answered by the 8-bit blob")
print(f"correlation with the float model's: {of_tables[8]:.4f} at 8 bits, {of_tables[2]:.4f} at 2")
for name, weight in sorted(zip(names, np.abs(lines[8]).mean(0)), key=lambda pair: -pair[1])[:5]:
    print(f"    {name:<22}{weight:.3f}")
