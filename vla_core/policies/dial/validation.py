"""What a stage has learned, measured on held-out windows."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import mse_loss

from vla_core.policies.dial.losses import ForwardDynamics, first_steps
from vla_core.policies.dial.model import Dial
from vla_core.policies.dial.normalisation import Normalisation


@torch.no_grad()
def validate(
    stage: str,
    model: Dial,
    batch: dict[str, torch.Tensor],
    normalisation: Normalisation,
    prefix_steps: int = 0,
) -> dict[str, float]:
    """On held-out windows.

    Args:
        prefix_steps: of the longest prefix that the stage teaches [steps].

    Returns:
        `foresight` error (eq. 2) with `copy`, the error of "nothing changes", beside it; and
        `action_rad`, the mean absolute error of the sampled chunk's arm joints that move, and
        `prefix_rad`, that of the steps that follow the longest prefix when it is given.
    """
    metrics = {}
    intent = batch["current"] if stage == "cloning" else batch["future"]
    if stage not in ("system1", "cloning"):
        intent = model.system2(batch["past"], batch["words"])
        metrics["foresight"] = float(mse_loss(intent, batch["future"]))
        metrics["copy"] = float(mse_loss(batch["past"], batch["future"]))
    if stage != "system2":
        noise = draw_noise(model, batch["actions"], torch.Generator().manual_seed(0))
        moving = normalisation.action_std > 0.03

        def error_rad(*prefix: torch.Tensor) -> np.ndarray:
            chunk = model.sample(batch["current"], intent, batch["state"], noise, *prefix)
            error = (chunk - batch["actions"]).abs().cpu().numpy() * normalisation.action_std
            return error[..., moving]

        metrics["action_rad"] = float(error_rad().mean())
        if prefix_steps:
            count = torch.full((len(intent),), prefix_steps, device=noise.device)
            frozen = first_steps(count, noise.shape[1])
            error = error_rad(batch["actions"], frozen)[:, prefix_steps:]
            metrics["prefix_rad"] = float(error.mean())
    return metrics


def draw_noise(model: Dial, actions: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """What the policy samples chunks like `actions` `(batch, horizon, state)` from."""
    sizes = model.sizes
    shape = (sizes.samples * len(actions), *actions.shape[1:])
    return (sizes.noise_scale * torch.randn(shape, generator=generator)).to(actions.device)


@torch.no_grad()
def validate_forward(
    module: ForwardDynamics, batch: dict[str, torch.Tensor]
) -> dict[str, float]:
    """On held-out windows: the `forward` model's error of the true features after what is
    committed, with `copy`, the error of the present ones in their place, beside it.
    """
    return {
        "forward": float(mse_loss(module.predict(batch), batch["after"])),
        "copy": float(mse_loss(batch["current"], batch["after"])),
    }
