"""Models of other packages as files that the compiler reads, by these packages' own exporters.

Nothing is imported here that is not imported already: a model of a framework exists only where the framework does.
"""

from __future__ import annotations

import io
import sys
from typing import Any

from ._errors import ExportError, UsageError


def model_bytes(model: Any, example: Any) -> tuple[bytes, str]:
    """The bytes of a model file and what to call it."""
    for module, name, export in _EXPORTERS:
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(model, kind):
            return export(model, example), type(model).__name__
    raise UsageError(
        f"{type(model).__name__} is no model that is read: give the path or the bytes of a .tflite or .onnx file, an "
        "onnx.ModelProto, a fitted estimator of scikit-learn, a Keras model, or a torch.nn.Module with example="
    )


def _from_onnx(model: Any, _: Any) -> bytes:
    return bytes(model.SerializeToString())


def _from_sklearn(model: Any, example: Any) -> bytes:
    try:
        from skl2onnx import to_onnx
    except ImportError as error:
        raise ExportError("skl2onnx is needed for estimators of scikit-learn: pip install kinglet-edge[sklearn]") from error
    import numpy as np

    if example is None:
        count = getattr(model, "n_features_in_", None)
        if count is None:
            raise ExportError(f"{type(model).__name__} does not say how many features it has: fit it, or give example=")
        example = np.zeros((1, count), np.float32)
    try:
        exported = to_onnx(model, np.asarray(example, np.float32)[:1])
    except Exception as error:
        raise ExportError(f"skl2onnx cannot write {type(model).__name__}: {error}") from error
    return _from_onnx(exported, None)


def _from_keras(model: Any, _: Any) -> bytes:
    try:
        import tensorflow

        return bytes(tensorflow.lite.TFLiteConverter.from_keras_model(model).convert())
    except Exception as error:
        raise ExportError(f"TensorFlow cannot write {type(model).__name__} as .tflite: {error}") from error


def _from_torch(model: Any, example: Any) -> bytes:
    import tempfile
    from pathlib import Path

    import torch

    if example is None:
        raise UsageError("a torch module is exported with an example of its inputs: give example=")
    example = example if isinstance(example, tuple) else (example,)
    example = tuple(each if isinstance(each, torch.Tensor) else torch.as_tensor(each) for each in example)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            torch.onnx.export(model.eval(), example, str(path), dynamo=False)
            return path.read_bytes()
    except Exception as error:
        raise ExportError(f"torch cannot write {type(model).__name__} as ONNX: {error}") from error


def readable(model: Any) -> bytes | None:
    """The bytes of what is bytes, or a file that is open; None for everything else."""
    if isinstance(model, (bytes, bytearray, memoryview)):
        return bytes(model)
    if isinstance(model, io.IOBase):
        data = model.read()
        if not isinstance(data, bytes):
            raise UsageError("the file is open for text: open it with mode 'rb'")
        return data
    return None


# Where a class is found when its package is imported, its name, and what writes its models. The order matters: Keras models
# on torch are modules too.
_EXPORTERS = (
    ("onnx", "ModelProto", _from_onnx),
    ("keras", "Model", _from_keras),
    ("torch.nn", "Module", _from_torch),
    ("sklearn.base", "BaseEstimator", _from_sklearn),
)
