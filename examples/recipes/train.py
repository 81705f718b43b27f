"""Trains a step list and writes what an example needs; used by the recipes beside the models."""

import numpy as np

import network


def train(steps, batches, shape, epochs, seed, levels=255.0):
    """The trained Keras model, taking raw integers: the division by `levels` is inside the first convolution.

    `batches(rng)` gives the samples and labels of one epoch: integers that reshape to [N, *shape], and [N].
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    rng = np.random.default_rng(seed)
    model = network.build_keras(steps, shape)
    count = len(batches(np.random.default_rng(0))[1])
    schedule = keras.optimizers.schedules.CosineDecay(4e-3, epochs * -(-count // 64))
    loss = keras.losses.SparseCategoricalCrossentropy()
    model.compile(keras.optimizers.Adam(schedule), loss, metrics=["accuracy"])
    for epoch in range(epochs):
        samples, labels = batches(rng)
        data = (samples / levels).astype(np.float32).reshape(-1, *shape)
        result = model.fit(data, labels, batch_size=64, verbose=0)
        if epoch % 10 == 9 or epoch == epochs - 1:
            print(f"epoch {epoch + 1}: loss {result.history['loss'][0]:.4f}", flush=True)
    first = model.layers[1]
    first.set_weights([first.get_weights()[0] / levels])
    return model


def save_npz(path, **arrays):
    """A compressed .npz with fixed dates, so that the same arrays give the same bytes."""
    import io
    import zipfile

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, buffer.getvalue(), compresslevel=9)


def pack(folder, steps, shape, model, data, calibration_count, doc):
    """Writes model.onnx, calib.npz and test.npz into `folder` and prints what they are worth."""
    train_x, _, test_x, test_y = data
    network.write_onnx(folder / "model.onnx", steps, shape, model, doc)
    save_npz(folder / "calib.npz", x=train_x[:calibration_count, None])
    save_npz(folder / "test.npz", x=test_x[:, None], y=test_y)
    right = network.onnx_accuracy(folder / "model.onnx", test_x[:, None], test_y)
    print(f"{folder.name}: {model.count_params()} parameters, ONNX accuracy {right:.4f}")


def pack_tflite(path, model, data, calibration_count):
    """Writes an int8 .tflite calibrated on the same samples and prints its accuracy."""
    train_x, _, test_x, test_y = data
    network.write_tflite(path, model, train_x[:calibration_count, ..., None])
    print(f"{path.name}: {path.stat().st_size} bytes, accuracy {network.tflite_accuracy(path, test_x[..., None], test_y):.4f}")
