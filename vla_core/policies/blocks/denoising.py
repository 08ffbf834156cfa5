"""Denoising of action chunks (Ho et al. 2020, arXiv 2006.11239): the loss."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from vla_core.policies.blocks.flow_matching import DRAWS, drawn_prefix
from vla_core.policies.blocks.velocity_field import VelocityField
from vla_core.policies.samplers.ddim import time_of
from vla_core.policies.samplers.diffusion import Prediction


def denoising_loss(
    denoiser: VelocityField,
    context: Tensor,
    batch: Mapping[str, Tensor],
    noise: torch.Generator,
    powers: Tensor,
    prediction: Prediction,
    longest_prefix: int = 0,
) -> Tensor:
    """E || e - e(A^k, k | context, s_t) ||^2, A^k = sqrt(alpha bar_k) A + sqrt(1 - alpha bar_k) e.

    Or the same of what the network says in the place of e. A `longest_prefix` is `flow_loss`'s.

    Args:
        context: `(batch, m, width)`.
        batch: `state` `(batch, proprioception)` s_t, `actions` `(batch, H, state)` A.
        powers: `(K,)` alpha bar, `signal_powers`.
    """
    state = batch["state"].repeat_interleave(DRAWS, dim=0)
    actions = batch["actions"].repeat_interleave(DRAWS, dim=0)
    device = actions.device
    drawn = torch.randn(actions.shape, generator=noise, device=device)
    level = torch.randint(len(powers), (len(actions),), generator=noise, device=device)
    power = powers.to(device)[level][:, None, None]
    signal, spread = power.sqrt(), (1.0 - power).sqrt()
    mixed, time = signal * actions + spread * drawn, time_of(level, len(powers))
    answer = prediction.answer(actions, drawn, signal, spread)
    if not longest_prefix:
        return mse_loss(denoiser(mixed, time, context, state), answer)
    frozen = drawn_prefix(actions, longest_prefix, noise)
    said = denoiser(mixed, time, context, state, actions, frozen)
    return mse_loss(said[~frozen], answer[~frozen])
