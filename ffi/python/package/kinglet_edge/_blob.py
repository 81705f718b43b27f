"""Blobs: what `compile` makes and a device runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import _native
from ._report import Report

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class Signature:
    """What a signature vouches for."""

    key_id: int
    model_id: int
    version: tuple[int, int, int]
    security_counter: int


@dataclass(frozen=True)
class Verified:
    """What `Blob.verify` has checked. Sizes are bytes."""

    blob_bytes: int
    operators: int
    arena_bytes: int
    work: int
    golden_vectors: int
    """Test vectors that were replayed with the same bits."""
    certificate: bool | None
    manifest: bool
    signature: Signature | None
    """Who has signed it; None when no key was given."""


class Blob:
    """A compiled model: bytes that the engine has checked completely.

    Blobs come from `compile`, `Blob.load` and `Blob.from_bytes`. They never change, can be pickled and shared between
    threads; `bytes(blob)` is what goes into the flash of a device.
    """

    __slots__ = ("_inspection", "_native", "report")

    report: Report | None
    """What the compilation said; None for a blob that was loaded."""

    def __init__(self, native: _native.Blob, report: Report | None = None) -> None:
        self._native = native
        self.report = report
        self._inspection: dict[str, Any] | None = None

    @classmethod
    def load(cls, path: Path) -> Blob:
        """Reads a `.kgl` file. Raises `BlobError` for anything that is no blob."""
        return cls(_native.Blob.load(os.fspath(path)))

    @classmethod
    def from_bytes(cls, data: bytes) -> Blob:
        """Checks bytes that are a blob's."""
        return cls(_native.Blob.from_bytes(bytes(data)))

    def save(self, path: Path) -> None:
        """Writes the blob into a file, at once or not at all."""
        self._native.save(os.fspath(path))

    def sign(
        self,
        key: Path,
        *,
        counter: int | None = None,
        model_id: int | None = None,
        version: str | None = None,
    ) -> Blob:
        """A copy that is signed with the private key in a file (`kinglet keygen` writes one).

        `counter` is the security counter: a device that has confirmed this blob refuses all with a lower one. `model_id`
        says which model this is a version of, `version` which one, as in "1.4.2". What is not given stays as the blob has
        it.
        """
        return Blob(self._native.signed(os.fspath(key), counter, model_id, version), self.report)

    def verify(self, public: Path | Iterable[Path] = (), *, max_work: int | None = None) -> Verified:
        """Checks everything that can be told without the source model, and replays the test vectors.

        `public` are files with public keys, at most four, of which one must have signed the blob. `max_work` is the most
        that a run may have to do. Raises `VerificationError` or `BlobError` where something is wrong.
        """
        keys = [public] if isinstance(public, (str, os.PathLike)) else list(public)
        line = json.loads(self._native.verify(max_work, [os.fspath(key) for key in keys]))
        line.pop("ok")
        signed = line.pop("signature")
        signature = Signature(**{**signed, "version": tuple(signed["version"])}) if signed else None
        return Verified(**line, signature=signature)

    def inspect(self) -> dict[str, Any]:
        """Everything that the blob says about itself, as `kinglet inspect --json` prints it (docs/cli.md)."""
        if self._inspection is None:
            self._inspection = json.loads(self._native.inspection())
        return self._inspection

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.inspect()["name"])

    @property
    def target(self) -> str:
        """The machine that it was compiled for."""
        return str(self.inspect()["target"])

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes; empty where the model has none."""
        return tuple(self.inspect()["labels"])

    def __bytes__(self) -> bytes:
        return self._native.bytes()

    def __len__(self) -> int:
        return int(self.inspect()["blob_bytes"])

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Blob) and bytes(self) == bytes(other)

    def __hash__(self) -> int:
        return hash(bytes(self))

    def __repr__(self) -> str:
        return f"<Blob {self.name!r} for {self.target}: {len(self)} bytes>"

    def __reduce__(self) -> Any:
        return _restored, (bytes(self), self.report)


def _restored(data: bytes, report: Report | None) -> Blob:
    blob = Blob.from_bytes(data)
    blob.report = report
    return blob
