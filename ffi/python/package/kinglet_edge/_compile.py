"""From a trained model to a blob."""

from __future__ import annotations

import os
import warnings
from typing import Any

from . import _export, _native
from ._blob import Blob
from ._errors import KingletWarning, UsageError
from ._report import Report


def compile(  # noqa: A001
    model: Any,
    calibration: Any = None,
    *,
    target: str = "portable",
    bits: int | str | None = None,
    max_drop: float | None = None,
    name: str | None = None,
    example: Any = None,
    **options: Any,
) -> Blob:
    """Compiles a model into a blob, as `kinglet compile` does; the interpreter's lock is released meanwhile.

    `model`: the path of a `.tflite` or `.onnx` file, its bytes, an `onnx.ModelProto`, a fitted estimator or pipeline of
    scikit-learn (through skl2onnx), a Keras model, or a torch module (with `example`, a tensor or a tuple of them).

    `calibration`: a few hundred typical inputs, which make a float model int8: an array of shape [samples, ...] in the
    model's layout and scale, a dict of arrays by the names of the inputs, or the path of a `.npz`, `.npy`, `.csv` file or
    of a folder of pictures or sounds. Without it a float model stays float.

    `target`: the machine that is to run the blob, such as "cortex-m4" (`kinglet compile --help` lists them).
    `bits`: 8, 4, 3 or 2 bits for each weight, or "auto", which chooses for each layer.
    `max_drop`: with "auto", per cent of samples whose decision may change.
    `name`: the model's name in the blob and in errors.

    Every other option of the command is taken by its name with underscores: `ram="min"`, `range="entropy"`,
    `stateful=True`, `golden=2`, `channels=30`, `model_version="1.0.0"`, `input_shape={"x": (1, 3, 32, 32)}`,
    `outputs=["scores"]`.

    Returns a `Blob`, whose `report` says what became of each layer. What is probably not meant is in
    `report.warnings`, and each a `KingletWarning`. Raises `ModelError`, `DataError`, `CompileError`, `UsageError` or
    `ExportError`, all of them `KingletError`s.
    """
    given = {"target": target, "bits": bits, "max_drop": max_drop, "name": name, **options}
    arguments = [argument for option, value in given.items() for argument in _arguments(option, value)]
    arrays = None
    if isinstance(calibration, (str, os.PathLike)):
        arguments.append(f"--calib={os.fspath(calibration)}")
    elif calibration is not None:
        from . import _arrays

        arrays = _arrays.samples(calibration)
    source: str | bytes | None
    label = str(name) if name else "model"
    if isinstance(model, (str, os.PathLike)):
        source = os.fspath(model)
    else:
        source = _export.readable(model)
        if source is None:
            source, kind = _export.model_bytes(model, example)
            label = str(name) if name else kind
    native, as_json, text, sentences = _native.compile(source, label, arguments, arrays)
    for sentence in sentences:
        warnings.warn(sentence, KingletWarning, stacklevel=2)
    return Blob(native, Report._of(text, as_json, sentences))


def _arguments(option: str, value: Any) -> list[str]:
    """An option of the command line."""
    if option in ("calib", "help"):
        raise UsageError(f"there is no option `{option}`; samples are given as calibration=")
    flag = "--" + option.replace("_", "-")
    if value is None or value is False:
        return []
    if value is True:
        return [flag]
    if isinstance(value, dict):
        return [f"{flag}={key}={_text(each)}" for key, each in value.items()]
    if isinstance(value, (list, tuple)) and option not in _COMMAS:
        return [f"{flag}={_text(each)}" for each in value]
    return [f"{flag}={_text(value)}"]


# Options that take several values with commas between them; others are given again for each.
_COMMAS = frozenset({"outputs", "mean", "std", "min_max", "columns"})


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(map(_text, value))
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)
