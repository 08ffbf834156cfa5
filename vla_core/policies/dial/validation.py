"""What a stage has learned, measured on held-out windows."""

from __future__ import annotations

import torch
from torch.nn.functional import mse_loss

from vla_core.policies.dial.losses import ForwardDynamics, intended
from vla_core.policies.dial.model import Dial
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.validation import chunk_errors


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
        `foresight` error (eq. 2) with `copy`, the error of "nothing changes", beside it, unless
        nothing is foreseen; and those of `chunk_errors`.
    """
    metrics = {}
    intent = batch["current"] if stage == "cloning" else batch["future"]
    if stage not in ("system1", "cloning"):
        intent, foresight = intended(model, batch)
        if foresight is not None:
            metrics["foresight"] = float(mse_loss(foresight, batch["future"]))
            metrics["copy"] = float(mse_loss(batch["past"], batch["future"]))
    if stage == "system2":
        return metrics

    def sample(noise: torch.Tensor, *prefix: torch.Tensor) -> torch.Tensor:
        return model.sample(batch["current"], intent, batch["state"], noise, *prefix)

    return metrics | chunk_errors(sample, model.sizes, batch, normalisation, prefix_steps)


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
