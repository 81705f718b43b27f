"""What users give as data, as arrays that the native module reads.

Imported with the first array, because it brings NumPy along, which takes longer than the rest of the package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._errors import DataError

Given = list[tuple[str, str, "np.ndarray[Any, Any]"]]

# Types that are read where they are, in this machine's order of bytes; everything else is converted first.
_READ = {np.dtype(name): name for name in ("f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")}


def _plain(name: str, data: Any) -> tuple[str, str, Any]:
    """A triple that the native module reads: the name, the type without its byte order, the array."""
    array = data if type(data) is np.ndarray else np.asarray(data)
    element = _READ.get(array.dtype)
    if element is not None:
        return name, element, array
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "b":
        return name, "u1", array.astype(np.uint8)
    if kind == "f":
        return (name, "f4", array.astype(np.float32)) if size <= 4 else (name, "f8", array.astype(np.float64))
    if kind in "iu":
        return name, f"{kind}{size}", array.astype(array.dtype.newbyteorder("="))
    wanted = "numbers are needed, as in numpy.asarray(data, numpy.float32)"
    raise DataError(f"`{name}` has elements of type {array.dtype}; {wanted}")


def by_input(data: Any, names: Sequence[str]) -> Given:
    """Arrays by the names of a model's inputs: one array for one input, a list in the model's order, or a mapping."""
    if len(names) == 1 and not isinstance(data, Mapping):
        is_list_of_one = isinstance(data, (list, tuple)) and len(data) == 1 and isinstance(data[0], np.ndarray)
        return [_plain(names[0], data[0] if is_list_of_one else data)]
    if isinstance(data, Mapping):
        unknown = [f"`{name}`" for name in data if name not in names]
        if unknown:
            wanted = ", ".join(f"`{name}`" for name in names)
            raise DataError(f"the model has no input {', '.join(unknown)}; its inputs are {wanted}")
        return [_plain(name, array) for name, array in data.items()]
    if not isinstance(data, (list, tuple)) or len(data) != len(names):
        count = len(data) if isinstance(data, (list, tuple)) else 1
        wanted = ", ".join(f"`{name}`" for name in names)
        raise DataError(f"{count} arrays given, the model has {len(names)} inputs: {wanted}; give a list, or a dict by name")
    return [_plain(name, array) for name, array in zip(names, data)]


def samples(data: Any) -> Given:
    """Calibration samples: an array for a model with one input, or arrays by the names of inputs."""
    if isinstance(data, Mapping):
        # Archives have labels and more beside the inputs, which are not looked at.
        return [_plain(str(name), array) for name, array in data.items()]
    return by_input(data, ("x",))
