"""What a policy reads of an intent, checked; imports no torch."""

from __future__ import annotations

import numpy as np

from vla_core.errors import IntentError
from vla_core.types import LatentIntent


def tensor_of(intent: LatentIntent, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """A tensor of an intent, float32.

    Args:
        shape: that it must have; None: any length.

    Raises:
        IntentError: there is none, of another shape, or not finite.
    """
    source = f"intent {intent.sequence}: tensor {name!r}"
    tensor = intent.tensors.get(name)
    fits = (
        tensor is not None
        and tensor.dtype.kind == "f"
        and tensor.ndim == len(shape)
        and all(n in (None, m) for n, m in zip(shape, tensor.shape, strict=True))
    )
    if not fits:
        got = "none" if tensor is None else f"{tensor.dtype} {tensor.shape}"
        raise IntentError(f"{source}: got {got}, expected floats {shape}")
    if not np.isfinite(tensor).all():
        raise IntentError(f"{source} is not finite")
    return tensor.astype(np.float32)
