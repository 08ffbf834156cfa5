"""What a stage has learned, measured on held-out windows."""

from __future__ import annotations

import torch
from torch import Tensor

from vla_core.policies.clad.losses import (
    DynamicsLearning,
    PolicyLearning,
    foresee,
    prediction_loss,
)
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.validation import chunk_errors


@torch.no_grad()
def foresight_errors(learning: DynamicsLearning, batch: dict[str, Tensor]) -> dict[str, float]:
    """Eq. 17 of each modality, with `copy`, that of "nothing changes", beside it; and eq. 18."""
    errors = learning.errors(foresee(learning.model, batch, batch["known"]), batch)
    words = batch["words"]
    now = learning.targets(batch["states"][:, 1], batch["current"], words)
    then = learning.targets(batch["future_state"], batch["future"], words)
    for name, *pair in zip(("proprioceptive", "semantic"), now, then, strict=True):
        errors[f"{name}_copy"] = prediction_loss(*pair)
    return {name: float(error) for name, error in errors.items()}


@torch.no_grad()
def policy_errors(
    learning: PolicyLearning,
    batch: dict[str, Tensor],
    normalisation: Normalisation,
    prefix_steps: int,
) -> dict[str, float]:
    """Those of `chunk_errors`; the foresight is the dynamics' own."""
    model, context = learning.model, learning.context(batch)

    def sample(noise: Tensor, *prefix: Tensor) -> Tensor:
        return model.sample(context, batch["state"], noise, *prefix)

    return chunk_errors(sample, model.sizes, batch, normalisation, prefix_steps)
