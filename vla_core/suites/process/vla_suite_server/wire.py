"""Messages between a suite's process and ours: msgpack, and behind it each array as raw bytes.

A message is a list of frames. The first is a msgpack map, in which an array stands as an extension
`(number of its frame, dtype, shape)`. No object is ever pickled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgpack
import numpy as np

_ARRAY = 1


def pack(message: Mapping[str, Any]) -> list[bytes]:
    """Frames of a message.

    Args:
        message: of numbers, words, lists, maps, and arrays of numbers.

    Raises:
        TypeError: holds anything else.
    """
    frames: list[bytes] = []

    def apart(value: Any) -> Any:
        if isinstance(value, np.generic):
            return value.item()
        if not isinstance(value, np.ndarray) or value.dtype.hasobject:
            raise TypeError(f"got {type(value).__name__}, expected numbers, words or their arrays")
        frames.append(value.tobytes())
        told = msgpack.packb((len(frames), value.dtype.str, value.shape))
        return msgpack.ExtType(_ARRAY, told)

    return [msgpack.packb(message, default=apart), *frames]


def unpack(frames: Sequence[bytes]) -> dict[str, Any]:
    """The message of frames that `pack` made; its arrays may be written to.

    Raises:
        ValueError: they are no such message.
    """

    def array(code: int, told: bytes) -> np.ndarray:
        if code != _ARRAY:
            raise ValueError(f"got an extension {code}, expected arrays alone")
        number, dtype, shape = msgpack.unpackb(told)
        return np.frombuffer(frames[number], np.dtype(dtype)).reshape(shape).copy()

    try:
        message = msgpack.unpackb(frames[0], ext_hook=array)
    except (IndexError, TypeError, msgpack.UnpackException) as error:
        raise ValueError(f"not a message: {error}") from error
    if not isinstance(message, dict):
        raise ValueError(f"got {type(message).__name__}, expected a map")  # noqa: TRY004
    return message
