"""Real-time chunking (Black et al. 2025, arXiv 2506.07339): inpaint a chunk while it is sampled.

While System 1 computes, the robot goes on along the plan it has. The new chunk must begin with what
will have been executed by the time it arrives, and should keep to the old plan where that still
reaches, so that chunks join. Each Euler step is therefore pulled towards the old plan Y (eq. 2):

    v + min(beta, (1 - tau) / (tau r^2)) (Y - A1)^T diag(W) dA1/dA,    A1 = A + (1 - tau) v(A, tau),
    r^2 = (1 - tau)^2 / (tau^2 + (1 - tau)^2).

The Jacobian dA1/dA is taken as the identity here: no gradients are needed, so it runs on any
runtime at the cost of plain sampling, and did no worse than the exact one (docs/tabletop.md).
"""

from __future__ import annotations

import numpy as np

#: Largest weight of the pull (the paper's beta), which few integration steps need.
BETA = 5.0


def soft_mask(horizon: int, frozen: int, known: int) -> np.ndarray:
    """W, eq. 5: how much each step of the new chunk is to keep to the old plan.

    Args:
        horizon: H, steps of a chunk.
        frozen: d, steps that will have been executed when the chunk arrives: weight 1.
        known: H - s, steps that the old plan reaches; from `frozen` to there the weight decays as
            c (e^c - 1) / (e - 1) with c = (known - i) / (known - frozen + 1). Beyond it is 0.

    Returns:
        `(horizon,)` float32.
    """
    step = np.arange(horizon)
    share = np.clip((known - step) / max(known - frozen + 1, 1), 0.0, 1.0)
    weight = share * np.expm1(share) / np.expm1(1.0)
    return np.where(step < min(frozen, known), 1.0, weight).astype(np.float32)


def guided_velocity(
    flow: np.ndarray, chunk: np.ndarray, time: float, plan: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Eq. 2 at flow time `time` in [0, 1): the learned velocity and the pull to the old plan.

    Args:
        flow: v(A, tau), like `chunk`.
        chunk: A, `(batch, horizon, width)`.
        plan: Y, like `chunk`; what it holds where `weight` is 0 does not matter.
        weight: `(horizon, 1)`, the diagonal of W.
    """
    end = chunk + (1.0 - time) * flow
    spread = (1.0 - time) ** 2 / (time**2 + (1.0 - time) ** 2)
    strength = BETA if time == 0.0 else min(BETA, (1.0 - time) / (time * spread))
    return (flow + strength * weight * (plan - end)).astype(np.float32)
