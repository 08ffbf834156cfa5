"""Arrays where a network runs: NumPy's on the host, torch's on any other device.

A loop around a network is written once, in what both offer under the same names. ONNX Runtime on a
CPU so needs no torch, which would cost a node 200 MB and seconds of its start.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch

Array: TypeAlias = "np.ndarray | torch.Tensor"
_Array = TypeVar("_Array", "np.ndarray", "torch.Tensor")


def namespace(array: Array) -> ModuleType:
    """`numpy` or `torch`, whose an array is."""
    if isinstance(array, np.ndarray):
        return np
    import torch

    return torch


def same_for_all(array: _Array, value: float) -> _Array:
    """`(batch,)` of one value, beside `array` `(batch, ...)`: on its device, of its type."""
    if isinstance(array, np.ndarray):
        return np.full(len(array), value, array.dtype)
    return array.new_full((len(array),), value)


def fetched(array: Array) -> np.ndarray:
    """A device's array on the host."""
    return array if isinstance(array, np.ndarray) else array.detach().cpu().numpy()
