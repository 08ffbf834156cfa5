"""msgpack with arrays as maps, as openpi and others write it; nothing is ever pickled."""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np

#: Kinds of dtypes that are numbers, or words.
_KINDS = "biufSU"


def packed(value: Any) -> bytes:
    """A message of numbers, words, lists, maps and arrays; TypeError for anything else."""
    return msgpack.packb(value, default=_written)


def unpacked(data: bytes) -> Any:
    """The message of `packed`, or of others' clients and servers.

    Raises:
        ValueError: it is none, or an array is not of numbers.
    """
    try:
        return msgpack.unpackb(data, object_hook=_read)
    except (TypeError, KeyError, ValueError, msgpack.UnpackException) as error:
        raise ValueError(f"not a message: {error}") from error


def _written(value: Any) -> dict[bytes, Any]:
    if not isinstance(value, (np.ndarray, np.generic)) or value.dtype.kind not in _KINDS:
        raise TypeError(f"got {type(value).__name__}, expected numbers, words or their arrays")
    if isinstance(value, np.generic):
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
    return {
        b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str,
        b"shape": value.shape,
    }  # fmt: skip


def _read(found: dict) -> Any:
    """An array, a scalar, or the map itself; keys of markers are bytes or words."""
    marked = {key.decode() if isinstance(key, bytes) else key: key for key in found}
    if "__ndarray__" not in marked and "__npgeneric__" not in marked:
        return found
    data, dtype = found[marked["data"]], np.dtype(found[marked["dtype"]])
    if dtype.kind not in _KINDS:
        raise ValueError(f"dtype {dtype} is not of numbers")
    if "__npgeneric__" in marked:
        return dtype.type(data)
    return np.frombuffer(data, dtype).reshape(found[marked["shape"]])
