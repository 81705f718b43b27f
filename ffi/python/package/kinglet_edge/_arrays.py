"""What users give as data, as arrays that the native module reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._errors import DataError

if TYPE_CHECKING:
    import numpy as np

Given = list[tuple[str, str, "np.ndarray[Any, Any]"]]

# Read where they are; everything else is converted first.
_READ = frozenset({"f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"})


def _plain(name: str, data: Any) -> tuple[str, str, Any]:
    """A triple that the native module reads: the name, the type without its byte order, the array."""
    import numpy as np

    array = data if type(data) is np.ndarray else np.asarray(data)
    dtype = array.dtype
    element = dtype.str[1:]
    if element in _READ and dtype.isnative:
        return name, element, array
    if dtype.kind == "b":
        return name, "u1", array.astype(np.uint8)
    if dtype.kind == "f":
        wide = np.float32 if dtype.itemsize <= 4 else np.float64
        return name, wide().dtype.str[1:], array.astype(wide)
    if dtype.kind in "iu":
        return name, element, array.astype(dtype.newbyteorder("="))
    raise DataError(f"`{name}` has elements of type {dtype}; numbers are needed, as in numpy.asarray(data, numpy.float32)")


def by_input(data: Any, names: Sequence[str]) -> Given:
    """Arrays by the names of a model's inputs: one array for one input, a list in the model's order, or a mapping."""
    if isinstance(data, Mapping):
        return [_plain(str(name), array) for name, array in data.items()]
    if len(names) == 1:
        import numpy as np

        is_list_of_one = isinstance(data, (list, tuple)) and len(data) == 1 and isinstance(data[0], np.ndarray)
        return [_plain(names[0], data[0] if is_list_of_one else data)]
    if not isinstance(data, (list, tuple)) or len(data) != len(names):
        count = len(data) if isinstance(data, (list, tuple)) else 1
        wanted = ", ".join(f"`{name}`" for name in names)
        raise DataError(f"{count} arrays given, the model has {len(names)} inputs: {wanted}; give a list, or a dict by name")
    return [_plain(name, array) for name, array in zip(names, data)]


def samples(data: Any) -> Given:
    """Calibration samples: an array for a model with one input, or arrays by the names of inputs."""
    if isinstance(data, Mapping):
        return [_plain(str(name), array) for name, array in data.items()]
    return [_plain("x", data)]
