# %% [markdown]
# # Federated learning: devices adapt the last layer, a server averages
#
# A network was trained at a desk; devices see other data than the desk did. Each device runs the frozen part as a blob,
# with the bits that it computes anyway, and trains a small last layer on what comes out. Only that layer travels: Flower
# (flwr) averages it. No sample leaves its device. The cells run in order as a script.

# %%
import warnings

import numpy as np
from flwr.common import Code, FitRes, Status, ndarrays_to_parameters, parameters_to_ndarrays
from flwr.server.strategy import FedAvg
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import kinglet_edge as kinglet

warnings.simplefilter("ignore", ConvergenceWarning)
CLIENTS, ROUNDS, EPOCHS, CLASSES = 12, 5, 16, 10
rng = np.random.default_rng(0)

# %% [markdown]
# ## At the desk
#
# The hidden layers become an int8 blob. Calibration uses the desk's own data.

# %%
images, labels = load_digits(return_X_y=True)
images = (images / 16).astype(np.float32)
desk, field, desk_labels, field_labels = train_test_split(
    images, labels, train_size=500, random_state=0, stratify=labels
)
network = MLPClassifier((48, 32), max_iter=120, random_state=0).fit(desk, desk_labels)

nodes, constants, value = [], [], "x"
for layer, (weights, bias) in enumerate(zip(network.coefs_[:-1], network.intercepts_[:-1])):
    constants += [numpy_helper.from_array(weights.astype(np.float32), f"w{layer}")]
    constants += [numpy_helper.from_array(bias.astype(np.float32), f"b{layer}")]
    nodes += [helper.make_node("Gemm", [value, f"w{layer}", f"b{layer}"], [f"g{layer}"])]
    nodes += [helper.make_node("Relu", [f"g{layer}"], [f"r{layer}"])]
    value = f"r{layer}"
graph = helper.make_graph(
    nodes,
    "features",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])],
    [helper.make_tensor_value_info(value, TensorProto.FLOAT, [1, 32])],
    constants,
)
source = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
blob = kinglet.compile(source, desk, target="cortex-m4", name="features")
device = kinglet.Model(blob)
print(f"{len(blob)} bytes of blob, {device.memory().arena_bytes} of arena; {blob.report.arithmetic}")

# %% [markdown]
# ## In the field
#
# The sensor sits otherwise: every image is upside down and a bit darker, which the desk never saw. Devices differ in what
# they see: the share of each class is drawn for each of them.


# %%
def seen(pictures):
    return np.ascontiguousarray(pictures.reshape(-1, 8, 8)[:, ::-1].reshape(-1, 64) * np.float32(0.8))


field, test, field_labels, truth = train_test_split(
    field, field_labels, test_size=0.4, random_state=0, stratify=field_labels
)
owner = np.empty(len(field), int)
for digit in range(CLASSES):
    of_class = np.flatnonzero(field_labels == digit)
    owner[of_class] = rng.choice(CLIENTS, len(of_class), p=rng.dirichlet(np.full(CLIENTS, 1.0)))
# What the engine of each device makes of its images.
features, of_test = device(seen(field)), device(seen(test))
scale = features.std()


# %% [markdown]
# A device trains the last layer by gradient descent on its own features: a matrix product and a softmax.


# %%
def trained(head, x, y, epochs=EPOCHS, rate=0.5, batch=16, seed=0):
    weights, bias = (part.copy() for part in head)
    x, order = x / scale, np.random.default_rng(seed)
    wanted = np.eye(CLASSES, dtype=np.float32)[y]
    for _ in range(epochs):
        for rows in np.array_split(order.permutation(len(x)), max(1, len(x) // batch)):
            scores = x[rows] @ weights + bias
            chances = np.exp(scores - scores.max(1, keepdims=True))
            error = (chances / chances.sum(1, keepdims=True) - wanted[rows]) / max(1, len(rows))
            weights -= rate * x[rows].T @ error
            bias -= rate * error.sum(0)
    return [weights, bias]


def accuracy(head):
    return np.mean((of_test / scale @ head[0] + head[1]).argmax(1) == truth)


def clipped(update, head, most):
    """An update that is no longer than `most`, over all its numbers."""
    steps = [new - old for new, old in zip(update, head)]
    length = np.sqrt(sum(float((step**2).sum()) for step in steps))
    return [old + step * min(1.0, most / max(length, 1e-12)) for step, old in zip(steps, head)]


def federate(clip=None, noise=0.0):
    """Rounds of Flower's federated averaging, with the bytes that each device sends and receives in one."""
    strategy = FedAvg(fit_metrics_aggregation_fn=lambda _: {})
    head = [np.zeros((32, CLASSES), np.float32), np.zeros(CLASSES, np.float32)]
    history = []
    for number in range(1, ROUNDS + 1):
        results = []
        for client in range(CLIENTS):
            own = owner == client
            if not own.any():
                continue
            update = trained(head, features[own], field_labels[own], seed=number)
            if clip is not None:
                update = clipped(update, head, clip)
            sent = ndarrays_to_parameters(update)
            results.append((None, FitRes(Status(Code.OK, ""), sent, int(own.sum()), {})))
        merged, _ = strategy.aggregate_fit(number, results, [])
        head = [part.astype(np.float32) for part in parameters_to_ndarrays(merged)]
        if noise:
            head = [part + rng.normal(0, noise * clip / len(results), part.shape).astype(np.float32) for part in head]
        history.append(accuracy(head))
    return head, history


# %%
before = np.mean((of_test @ network.coefs_[-1] + network.intercepts_[-1]).argmax(1) == truth)
empty = [np.zeros((32, CLASSES), np.float32), np.zeros(CLASSES, np.float32)]
# Central training passes over the data as often as the devices do, and then three times as often.
central, longer = (accuracy(trained(empty, features, field_labels, epochs=times * ROUNDS * EPOCHS)) for times in (1, 3))
head, history = federate()
last_layer = sum(part.nbytes for part in head)
moved = 2 * last_layer  # down and up
print(f"{CLIENTS} devices with {np.bincount(owner, minlength=CLIENTS).tolist()} images")
print(f"as it came from the desk: {before:.4f}; central training: {central:.4f} ({longer:.4f} when it is longer)")
print(f"after each round: {[round(float(each), 4) for each in history]}; {moved} bytes a device and round")

# %% [markdown]
# ## With less said about each device
#
# Updates are clipped to a length, so that no device moves the average far, and the average is noised. The numbers show
# what that costs here; they are no proof of privacy, for which the rounds have to be accounted for.

# %%
private, private_history = federate(clip=6.0, noise=0.3)
print(f"clipped and noised: {[round(float(each), 4) for each in private_history]}")
