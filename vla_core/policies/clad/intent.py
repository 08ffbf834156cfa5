"""What is in CLaD's intents: nobody but its two systems and its view reads them."""

from __future__ import annotations

import numpy as np

from vla_core.policies.clad.sizes import CladSizes
from vla_core.policies.visuomotor.intent import tensor_of
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
