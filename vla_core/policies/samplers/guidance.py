"""Real-time chunking (Black et al. 2025, arXiv 2506.07339): inpaint a chunk while it is sampled.

While System 1 computes, the robot goes on along the plan it has. The new chunk must begin with what
will have been executed by the time it arrives, and should keep to the old plan where that still
reaches, so that chunks join. Each Euler step is therefore pulled towards the old plan Y (eq. 2):

    v + min(beta, (1 - tau) / (tau r^2)) (Y - A1)^T diag(W) dA1/dA,    A1 = A + (1 - tau) v(A, tau),
    r^2 = (1 - tau)^2 / (tau^2 + (1 - tau)^2).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from vla_core.errors import ConfigError
from vla_core.inference.arrays import Array
from vla_core.policies.samplers.plan import Guide

if TYPE_CHECKING:
    import torch

#: v(A, tau), like A: a network with everything else that it is told.
Velocity = Callable[[Array, float], Array]
#: Largest weight of the pull (the paper's beta), which few integration steps need.
BETA = 5.0


class Jacobian(Enum):
    """What stands for dA1/dA."""

    IDENTITY = "identity"
    """No gradients are needed, so it runs on any runtime at the cost of plain sampling; it did no
    worse than the exact one (docs/tabletop.md)."""
    EXACT = "exact"
    """The paper's, by one pass back through the network; torch alone."""


def guided_velocity(
    velocity: Velocity, chunk: Array, time: float, guide: Guide, jacobian: Jacobian
) -> Array:
    """Eq. 2 at flow time `time` in [0, 1): the learned velocity and the pull to the old plan.

    Args:
        velocity: v.
        chunk: A, `(batch, horizon, width)`.
        guide: Y and W.

    Raises:
        ConfigError: the exact Jacobian is asked of a network that gives no gradients.
    """
    weight = _strength(time) * guide.weight
    if jacobian is Jacobian.EXACT:
        return _exactly_guided(velocity, chunk, time, weight, guide.plan)
    flow = velocity(chunk, time)
    end = chunk + (1.0 - time) * flow
    return flow + weight * (guide.plan - end)


def without_gradient() -> ConfigError:
    """What to say where the exact Jacobian cannot be had."""
    return ConfigError(
        "jacobian",
        "got exact, which needs gradients, and the network gives none; use identity, or torch",
    )


def _strength(time: float) -> float:
    """min(beta, (1 - tau) / (tau r^2))."""
    if time == 0.0:
        return BETA
    spread = (1.0 - time) ** 2 / (time**2 + (1.0 - time) ** 2)
    return min(BETA, (1.0 - time) / (time * spread))


def _exactly_guided(
    velocity: Velocity, chunk: torch.Tensor, time: float, weight: torch.Tensor, plan: torch.Tensor
) -> torch.Tensor:
    """The pull as a product of a row and the Jacobian, which is never formed."""
    import torch

    if isinstance(chunk, np.ndarray):
        raise without_gradient()
    chunk = chunk.detach().requires_grad_()
    with torch.enable_grad():
        flow = velocity(chunk, time)
        end = chunk + (1.0 - time) * flow
    if not flow.requires_grad:
        raise without_gradient()
    row = weight * (plan - end.detach())
    (pull,) = torch.autograd.grad(end, chunk, row)
    return flow.detach() + pull
