"""Kinglet: trained networks become compact, verified blobs for microcontrollers, and run here with the device's bits.

    import kinglet_edge as kinglet

    blob = kinglet.compile("model.onnx", calibration=samples)   # a float model becomes int8
    print(blob.report)                                          # what it cost
    model = kinglet.Model(blob)
    scores = model(images)                                      # numpy in, numpy out
    blob.save("model.kgl")

`help(kinglet_edge.compile)` and `help(kinglet_edge.Model)` tell the rest; `kinglet_edge.sklearn` has estimators for
scikit-learn. The `kinglet` command comes with the package, as `python -m kinglet_edge` too.
"""

from . import _native
from ._blob import Blob, Signature, Verified
from ._compile import compile  # noqa: A004
from ._errors import (
    BlobError,
    CompileError,
    DataError,
    ExportError,
    KingletError,
    KingletWarning,
    ModelError,
    RunError,
    UsageError,
    VerificationError,
)
from ._model import Model, Port
from ._report import Layer, Memory, Operator, Operators, OperatorTime, Report

__version__: str = _native.VERSION

__all__ = [
    "Blob",
    "BlobError",
    "CompileError",
    "DataError",
    "ExportError",
    "KingletError",
    "KingletWarning",
    "Layer",
    "Memory",
    "Model",
    "ModelError",
    "Operator",
    "OperatorTime",
    "Operators",
    "Port",
    "Report",
    "RunError",
    "Signature",
    "UsageError",
    "VerificationError",
    "Verified",
    "compile",
]
