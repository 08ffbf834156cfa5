"""What is in F1's intents: nobody but the policy and its view reads them."""

from __future__ import annotations

import numpy as np

#: The foresight's codes, `(n,)` int32, scale by scale; the features that they stand for, and those
#: of the present in as many scales, `(places, code_width)`.
TOKENS, FEATURES, CURRENT = "tokens", "features", "current"


def tensors_of(
    tokens: np.ndarray, features: np.ndarray, current: np.ndarray
) -> dict[str, np.ndarray]:
    """The tensors of an intent, as the wire carries them."""
    return {
        TOKENS: tokens.astype(np.int32),
        FEATURES: features.astype(np.float16),
        CURRENT: current.astype(np.float16),
    }
