"""How far sampled chunks are from what was shown, on held-out windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from vla_core.policies.blocks.flow_matching import first_steps
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.sizes import Sizes

#: Smallest spread of an action that is counted as a joint that moves [rad].
MOVES = 0.03


def chunk_errors(
    sample: Callable[..., Tensor],
    sizes: Sizes,
    batch: Mapping[str, Tensor],
    normalisation: Normalisation,
    prefix_steps: int = 0,
) -> dict[str, float]:
    """On held-out windows.

    Args:
        sample: chunks from noise, and from a prefix and its mask where there is one.
        prefix_steps: of the longest prefix that is taught [steps].

    Returns:
        `action_rad`, the mean absolute error of the sampled chunk's arm joints that move; and
        `prefix_rad`, that of the steps that follow the longest prefix when it is given.
    """
    actions = batch["actions"]
    noise = draw_noise(sizes, actions, torch.Generator().manual_seed(0))
    moving = normalisation.action_std > MOVES

    def error_rad(*prefix: Tensor):
        error = (sample(noise, *prefix) - actions).abs().cpu().numpy() * normalisation.action_std
        return error[..., moving]

    metrics = {"action_rad": float(error_rad().mean())}
    if prefix_steps:
        count = torch.full((len(actions),), prefix_steps, device=noise.device)
        error = error_rad(actions, first_steps(count, noise.shape[1]))
        metrics["prefix_rad"] = float(error[:, prefix_steps:].mean())
    return metrics


def draw_noise(sizes: Sizes, actions: Tensor, generator: torch.Generator) -> Tensor:
    """What the policy samples chunks like `actions` `(batch, horizon, state)` from."""
    shape = (sizes.samples * len(actions), *actions.shape[1:])
    return (sizes.noise_scale * torch.randn(shape, generator=generator)).to(actions.device)
