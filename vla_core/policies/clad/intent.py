"""What is in CLaD's intents: nobody but its two systems and its view reads them."""

from __future__ import annotations

import numpy as np

from vla_core.errors import IntentError
from vla_core.policies.clad.sizes import CladSizes
from vla_core.types import LatentIntent

#: Foresights; what they decode to, with the present beside it.
PROPRIOCEPTIVE, SEMANTIC = "proprioceptive", "semantic"
JOINTS, FEATURES, CURRENT = "joints", "features", "current"
#: How cameras see the robot, where the policy is told that.
PROJECTIONS = "projections"


def tensors_of(
    proprioceptive: np.ndarray, semantic: np.ndarray, **decoded: np.ndarray
) -> dict[str, np.ndarray]:
    """The tensors of an intent, as the wire carries them.

    Args:
        proprioceptive, semantic: `(L_p, d)` and `(L_s, d)`, eqs. 11 and 12.
        decoded: `joints` `(2, dof)`, now and foreseen; `features` and `current`
            `(places, width)`, foreseen and now; `projections` `(cameras, 3, 4)`, where the policy
            is told the cameras' geometry; none where foresights are not decoded.
    """
    tensors = {PROPRIOCEPTIVE: proprioceptive, SEMANTIC: semantic, **decoded}
    return {name: tensor.astype(np.float16) for name, tensor in tensors.items()}


def foresight_of(intent: LatentIntent, sizes: CladSizes) -> np.ndarray:
    """`(L_p + L_s, d)` float32, both foresights of an intent.

    Raises:
        IntentError: one is missing, of another shape, or not finite.
    """
    shapes = {
        PROPRIOCEPTIVE: (sizes.proprioceptive_tokens, sizes.width),
        SEMANTIC: (sizes.semantic_tokens, sizes.width),
    }
    parts = [tensor_of(intent, name, shape) for name, shape in shapes.items()]
    return np.concatenate(parts)


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
