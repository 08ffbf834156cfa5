"""CLaD, section 4.2: what foresights are compared with, encoders that follow slowly (BYOL)."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from vla_core.policies.clad.dynamics import Dynamics


def momentum(first: float, step: int, steps: int) -> float:
    """m of eq. 14: m_k = 1 - (1 - m_0) (cos(pi k / K) + 1) / 2 (Grill et al. 2020, section 3.2).

    Args:
        first: m_0.
        step, steps: k and K.
    """
    return 1.0 - (1.0 - first) * (math.cos(math.pi * min(step / steps, 1.0)) + 1.0) / 2.0


class TargetEncoders(nn.Module):
    """Copies of both online encoders that no gradient reaches."""

    def __init__(self, online: Dynamics) -> None:
        super().__init__()
        self.proprioceptive = copy.deepcopy(online.proprioceptive).requires_grad_(False)
        self.semantic = copy.deepcopy(online.semantic).requires_grad_(False)

    @torch.no_grad()
    def follow(self, online: Dynamics, m: float) -> None:
        """Eq. 14: theta' <- m theta' + (1 - m) theta."""
        for slow, fast in (
            (self.proprioceptive, online.proprioceptive),
            (self.semantic, online.semantic),
        ):
            for mine, theirs in zip(slow.parameters(), fast.parameters(), strict=True):
                mine.lerp_(theirs, 1.0 - m)

    @torch.no_grad()
    def forward(self, state: Tensor, features: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Eqs. 15 and 16: E'_p(p_{t+n}) and E'_s(FiLM(v_{t+n} | l)), of what really came."""
        return self.proprioceptive(state), self.semantic(features, words)
