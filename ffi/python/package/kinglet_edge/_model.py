"""Models that run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _native
from ._blob import Blob
from ._report import Memory, Operators, OperatorTime, operators_of

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Port:
    """An input or output of a model."""

    name: str
    """The source model's name."""
    dtype: str
    """NumPy's type of the codes, as in `i1` for int8 and `<f4` for float32."""
    shape: tuple[int, ...]
    """Extents of one inference in the source model's layout, the batch first."""
    scale: float | None
    """Of codes that stand for reals: real = scale * (code - zero_point)."""
    zero_point: int | None
    """See `scale`."""


class Model:
    """A blob that runs here, with the engine and to the bit as on a device.

    `blob` is a `Blob`, the path of a `.kgl` file, or a blob's bytes. Any number of threads may call one model: the
    interpreter's lock is released while it computes. Calls of a model with state wait for each other.

    >>> model = Model("digits.kgl")                      # doctest: +SKIP
    >>> scores = model(images)                           # doctest: +SKIP
    """

    __slots__ = ("_by_input", "_engine", "_names", "blob", "inputs", "outputs")

    blob: Blob
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def __init__(self, blob: Blob | str | os.PathLike[str] | bytes) -> None:
        if isinstance(blob, (bytes, bytearray, memoryview)):
            blob = Blob.from_bytes(bytes(blob))
        elif not isinstance(blob, Blob):
            blob = Blob.load(blob)
        self.blob = blob
        from ._arrays import by_input

        self._by_input = by_input
        self._engine = _native.Engine(blob._native)
        self.inputs, self.outputs = (tuple(map(_port, lines)) for lines in (self._engine.inputs, self._engine.outputs))
        self._names = [port.name for port in self.inputs]

    def __call__(self, data: Any = (), *, raw: bool = False, independent: bool = False) -> Any:
        """Runs the model.

        `data` is one array for a model with one input, a list of arrays in the model's order, or a dict by the inputs'
        names. Arrays are of any numeric type, in the source model's shape and layout (`model.inputs`); a first axis of N
        times the model's batch means N inferences. Quantized inputs take real numbers, which are rounded to the nearest
        code.

        Returns float32 arrays of N times the batch: one for a model with one output, else a list; a dict by the outputs'
        names when `data` is a dict. Integers that stand for themselves, such as classes, stay integers.

        `raw=True`: inputs and outputs are the codes themselves, in the types of `model.inputs` and `model.outputs`.
        `independent=True`: forget the state before each inference; otherwise the inferences of a model with state are
        the steps of one sequence, which goes on from call to call.
        """
        results = self._engine.run(self._given(data), raw, independent)
        if isinstance(data, Mapping):
            return {port.name: result for port, result in zip(self.outputs, results)}
        return results[0] if len(results) == 1 else results

    @property
    def is_stateful(self) -> bool:
        """Whether the model keeps tensors from run to run."""
        return self._engine.is_stateful

    def reset(self) -> None:
        """Forgets what the model keeps from run to run."""
        self._engine.reset()

    def profile(self, data: Any = None, *, raw: bool = False, repetitions: int = 20) -> list[OperatorTime]:
        """The time of each operator on this machine, the median of `repetitions` runs.

        `data` is as for a call, of which the first inference is run; zeros when it is not given. What the model keeps from
        run to run is lost. How long a device takes says `explain_layers` by estimated instructions.
        """
        if data is None:
            data, raw = self._zeros(), True
        times = self._engine.profile(self._given(data), raw, repetitions)
        total = sum(times) or 1
        lines = zip(self.explain_layers(), times)
        return [OperatorTime(each.index, each.operator, time, time / total) for each, time in lines]

    def explain_layers(self) -> Operators:
        """The operators in execution order: shapes, multiplications, weights, memory. `.table()` makes a DataFrame."""
        return operators_of(self.blob.inspect())

    def memory(self) -> Memory:
        """What the model needs on a device, in bytes."""
        line = self.blob.inspect()
        live = tuple(operator["live_bytes"] for operator in line["operators"])
        return Memory(line["blob_bytes"], line["weight_bytes"], line["arena_bytes"], line["scratch_bytes"], live)

    def self_test(self) -> int:
        """Replays the test vectors that the blob carries, and returns how many there are.

        Raises `VerificationError` where a bit differs from what the compiler computed.
        """
        return self._engine.self_test()

    def _given(self, data: Any) -> Any:
        # A model without inputs is called without data.
        return self._by_input(data, self._names) if self._names else []

    def _zeros(self) -> list[np.ndarray[Any, Any]]:
        import numpy as np

        return [np.zeros(port.shape, port.dtype) for port in self.inputs]

    def __repr__(self) -> str:
        def shown(ports: tuple[Port, ...]) -> str:
            return ", ".join(f"{port.name} {list(port.shape)}" for port in ports)

        return f"<Model {self.blob.name!r}: {shown(self.inputs)} -> {shown(self.outputs)}>"

    def __reduce__(self) -> Any:
        return Model, (self.blob,)


def _port(line: tuple[str, str, list[int], tuple[float, int] | None]) -> Port:
    name, dtype, shape, quantization = line
    scale, zero_point = quantization or (None, None)
    return Port(name, dtype, tuple(shape), scale, zero_point)
