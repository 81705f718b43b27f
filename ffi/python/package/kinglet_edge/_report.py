"""What a compilation says about its result."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Layer:
    """How far a layer's integer result is from its float result."""

    node: str
    """The source model's name of it."""
    op: str
    """What it computes."""
    sqnr_db: float | None
    """Signal to quantization noise in dB, the median over samples; None where there is no noise."""
    bits: int | None = None
    """Bits of each weight; None for a layer without weights."""
    weight_bytes: int | None = None
    """Bytes of all weights in the blob."""


@dataclass(frozen=True)
class Report:
    """The figures of a compiled model, as `kinglet compile --json` has them. `str()` of it is what the command prints.

    Sizes are bytes; multiplications (`macs`) are those of one inference.
    """

    name: str
    target: str
    arithmetic: str
    """`int8`, `int16` or `float32`: what the operators compute on."""
    source_kind: str
    source_bytes: int
    blob_bytes: int
    weight_bytes: int
    weight_bytes_eliminated: int
    arena_bytes: int
    """Working memory of a session on the device."""
    arena_lower_bound_bytes: int
    scratch_bytes: int
    macs: int
    macs_eliminated: int
    operators: int
    golden_vectors: int
    layers: tuple[Layer, ...]
    """One for each layer of a model that was quantized here; empty otherwise."""
    warnings: tuple[str, ...] = ()
    """What is probably not meant; sentences."""
    as_dict: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """Everything, as the JSON of the command has it (docs/cli.md)."""
    text: str = field(default="", repr=False, compare=False)

    def __str__(self) -> str:
        return self.text

    @property
    def compression(self) -> float:
        """How many times smaller the blob is than the model's file."""
        return self.source_bytes / self.blob_bytes

    def table(self) -> pandas.DataFrame | list[dict[str, Any]]:
        """The layers as a pandas DataFrame; where pandas is not installed, as a list of dicts with the same keys."""
        return _table([vars(layer) for layer in self.layers])

    @classmethod
    def _of(cls, text: str, as_json: str, warnings: list[str]) -> Report:
        values = json.loads(as_json)
        own = {f.name for f in fields(cls)} - {"layers", "warnings", "as_dict", "text"}
        names = {f.name for f in fields(Layer)}
        layers = tuple(Layer(**{key: line[key] for key in names & line.keys()}) for line in values["layers"])
        given = {key: values[key] for key in own}
        return cls(**given, layers=layers, warnings=tuple(warnings), as_dict=values, text=text)


@dataclass(frozen=True)
class Operator:
    """An operator of a blob."""

    index: int
    """Position in execution order."""
    operator: str
    packing: str
    """The order of its weights; empty for operators without."""
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    macs: int
    """Multiplications of one inference."""
    weight_bytes: int
    live_bytes: int
    """Bytes of the arena in use while it runs."""
    estimated_instructions: int | None
    """Instructions on the core that the blob is for; None where nothing has been measured."""


class Operators(tuple[Operator, ...]):
    """The operators of a blob in execution order."""

    __slots__ = ()

    def table(self) -> pandas.DataFrame | list[dict[str, Any]]:
        """As a pandas DataFrame; where pandas is not installed, as a list of dicts with the same keys."""
        return _table([vars(operator) for operator in self])


@dataclass(frozen=True)
class Memory:
    """What a blob needs on a device, in bytes."""

    blob_bytes: int
    """Flash for the blob."""
    weight_bytes: int
    """The part of it that is weights."""
    arena_bytes: int
    """RAM for the arena."""
    scratch_bytes: int
    """The part of the arena that the greediest operator uses for itself."""
    live_bytes: tuple[int, ...]
    """Bytes of the arena in use while each operator runs."""


@dataclass(frozen=True)
class OperatorTime:
    """The time of an operator on this machine."""

    index: int
    operator: str
    nanoseconds: int
    """The median of the runs."""
    share: float
    """Of the time of all operators, 0 to 1."""


def operators_of(inspection: dict[str, Any]) -> Operators:
    """The operators of what `kinglet inspect --json` prints."""
    names = [f.name for f in fields(Operator)]

    def operator(line: dict[str, Any]) -> Operator:
        shapes = {name: tuple(line[name]) for name in ("input_shape", "output_shape")}
        values: dict[str, Any] = {**{name: line[name] for name in names}, **shapes}
        return Operator(**values)

    return Operators(operator(line) for line in inspection["operators"])


def _table(lines: list[dict[str, Any]]) -> Any:
    try:
        import pandas
    except ImportError:
        return [dict(line) for line in lines]
    return pandas.DataFrame(lines)
