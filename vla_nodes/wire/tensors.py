"""Named arrays of any shape and number type to messages and back."""

from __future__ import annotations

import math

import numpy as np

from vla_core.errors import VlaError
from vla_msgs import msg
from vla_nodes.wire.byte_buffer import bytes_field

#: By their names on the wire: floats, signed and unsigned integers, truth values.
_TYPES = {
    name: np.dtype(name).newbyteorder("<")
    for name in (
        "float16", "float32", "float64",
        "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool",
    )
}  # fmt: skip
_MOST_DIMENSIONS = 8


class TensorError(VlaError):
    """A tensor on the wire contradicts itself."""


def tensor_message(name: str, values: np.ndarray) -> msg.Tensor:
    """An array of any shape and number type as a message, little endian."""
    values = np.asarray(values)
    values = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return msg.Tensor(
        name=name, dtype=values.dtype.name, shape=list(values.shape), data=bytes_field(values)
    )


def read_tensor(message: msg.Tensor) -> np.ndarray:
    """The array of a message; a view of its data, so never larger than what came.

    Raises:
        TensorError: a dtype that is no number type, too many dimensions, or data of the wrong
            length.
    """
    dtype = _TYPES.get(message.dtype)
    if dtype is None:
        raise TensorError(
            f"tensor {message.name!r}: dtype {message.dtype!r} is no number type; expected one of "
            f"{', '.join(_TYPES)}"
        )
    shape = tuple(int(size) for size in message.shape)
    if len(shape) > _MOST_DIMENSIONS:
        raise TensorError(
            f"tensor {message.name!r}: got {len(shape)} dimensions, at most {_MOST_DIMENSIONS} "
            "are read"
        )
    expected = math.prod(shape) * dtype.itemsize
    if len(message.data) != expected:
        raise TensorError(
            f"tensor {message.name!r}: got {len(message.data)} bytes, expected {expected} "
            f"for {message.dtype} {shape}"
        )
    if not expected:
        return np.empty(shape, dtype)
    return np.frombuffer(message.data, dtype).reshape(shape)
