# %% [markdown]
# # A million samples: a blob judged by many processes
#
# dask sends chunks of data to workers; each runs the blob by the engine of the package. A `Model` travels to workers like
# any object. With the address of a scheduler, `Client("tcp://...")`, the same code runs on a cluster. As a script:
# `python examples/notebooks/scale.py`, with `KINGLET_SAMPLES` for another number of samples.

# %%
import os
import time
import warnings

import numpy as np
from dask.distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from kinglet_edge.sklearn import KingletClassifier

SAMPLES = int(os.environ.get("KINGLET_SAMPLES", 1_000_000))
CHUNK, WORKERS = min(20_000, SAMPLES), 2


def judged(model, images, labels, chunk, count):
    """How often the model is right on one chunk of noisy images, by class. The seed is the chunk's number."""
    rng = np.random.default_rng(chunk)
    rows = rng.integers(0, len(images), count)
    noisy = np.clip(images[rows] + rng.normal(0, 0.15, (count, 64)), 0, 1).astype(np.float32)
    answers = np.ravel(model(noisy)[0])
    is_right = answers == labels[rows]
    return np.bincount(labels[rows], minlength=10), np.bincount(labels[rows], is_right, minlength=10)


# %%
def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    fitted = KingletClassifier(MLPClassifier((24,), max_iter=80, random_state=0)).fit(images[:1000], labels[:1000])
    data = images[1000:], labels[1000:]
    counts = [min(CHUNK, SAMPLES - begin) for begin in range(0, SAMPLES, CHUNK)]
    with LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        model, held, answers = (client.scatter(each, broadcast=True) for each in (fitted.model_, *data))
        start = time.perf_counter()
        chunks = [client.submit(judged, model, held, answers, chunk, count) for chunk, count in enumerate(counts)]
        total, right = (sum(parts) for parts in zip(*client.gather(chunks)))
        took = time.perf_counter() - start
        first = client.gather(chunks[0])
    # Where a chunk is computed makes no difference.
    same = all(np.array_equal(*pair) for pair in zip(first, judged(fitted.model_, *data, 0, counts[0])))
    print("first chunk:", "the same counts as in this process" if same else "OTHER COUNTS than in this process")
    share = right.sum() / total.sum()
    error = np.sqrt(share * (1 - share) / total.sum())
    print(f"{total.sum():,} samples by {WORKERS} processes in {took:.1f} s")
    print(f"right: {share * 100:.3f} % (standard error {error * 100:.3f})")
    print("by class:", (right / total).round(4).tolist())


# Workers import this file, and must not begin anew.
if __name__ == "__main__":
    main()
