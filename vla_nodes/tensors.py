"""Named arrays of any shape and number type to messages and back."""

from __future__ import annotations

import numpy as np

from vla_core.errors import VlaError
from vla_msgs import msg
from vla_nodes.byte_buffer import bytes_field

#: Kinds of numpy's dtypes that are numbers: floats, signed and unsigned integers, truth values.
_KINDS = "fiub"


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
    """The array of a message; a view of its data.

    Raises:
        TensorError: a dtype that is no number type, or data of the wrong length.
    """
    try:
        dtype = np.dtype(message.dtype).newbyteorder("<")
    except TypeError as error:
        raise TensorError(f"tensor {message.name!r}: dtype {message.dtype!r} is unknown") from error
    if dtype.kind not in _KINDS:
        raise TensorError(f"tensor {message.name!r}: dtype {message.dtype!r} is no number type")
    shape = tuple(message.shape)
    expected = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(message.data) != expected:
        raise TensorError(
            f"tensor {message.name!r}: got {len(message.data)} bytes, expected {expected} "
            f"for {message.dtype} {shape}"
        )
    if not expected:
        return np.empty(shape, dtype)
    return np.frombuffer(message.data, dtype).reshape(shape)
