"""What is in LingBot-VA's intents: nobody but the policy and its view reads them."""

from __future__ import annotations

import numpy as np

#: `(K, N, token_numbers)` latent frames that are foreseen; `(N, token_numbers)` of now; and root
#: mean squares of how far the forecast before was from what came, and "nothing changes": below 0
#: until something came.
FORECAST, CURRENT, ERRORS = "forecast", "current", "errors"


def tensors_of(
    forecast: np.ndarray, current: np.ndarray, errors: tuple[float, float]
) -> dict[str, np.ndarray]:
    """The tensors of an intent, as the wire carries them."""
    return {
        FORECAST: forecast.astype(np.float16),
        CURRENT: current.astype(np.float16),
        ERRORS: np.array(errors, np.float16),
    }
