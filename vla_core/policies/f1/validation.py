"""How much of a foresight and of a chunk is right, on held-out windows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vla_core.policies.f1.losses import GenerationLearning, PolicyLearning
from vla_core.policies.f1.model import F1
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.validation import MOVES, chunk_errors, draw_noise

#: tau of eq. 5 [rad].
TOLERANCES = (0.01, 0.02, 0.05)


def picture_accuracy(foreseen: Tensor, true: Tensor) -> Tensor:
    """Share of a foresight's codes that came true (section 4.3).

    Args:
        foreseen: `(batch, n)`.
        true: `(batch, ...)`, of which the first n count.

    Returns:
        `(batch,)`.
    """
    return (foreseen == true[:, : foreseen.shape[1]]).float().mean(dim=1)


def action_accuracy(sampled: Tensor, true: Tensor, tolerance: float) -> Tensor:
    """Eq. 5: the share of a chunk's actions with || a-hat_t - a_t || < tau.

    Args:
        sampled, true: `(batch, N, numbers)`.
        tolerance: tau, in their unit.

    Returns:
        `(batch,)`.
    """
    return ((sampled - true).norm(dim=-1) < tolerance).float().mean(dim=1)


def correlation(first: Tensor, second: Tensor) -> float:
    """Pearson's, of `(batch,)` and `(batch,)`; 0 where one of them is the same everywhere."""
    first, second = (x.double() - x.double().mean() for x in (first, second))
    spread = first.norm() * second.norm()
    return float(first @ second / spread) if spread > 0.0 else 0.0


@torch.no_grad()
def generation_errors(learning: GenerationLearning, batch: dict[str, Tensor]) -> dict[str, float]:
    """`token_loss` of eq. 1; and of what the policy foresees, as `foresight_accuracy` has it."""
    model = learning.model
    loss = learning(batch, torch.Generator())["loss"]
    context = model.understanding(batch["current"], batch["words"])
    codes = model.foresee(context, batch["past"]).codes
    return {"token_loss": float(loss), **foresight_accuracy(codes, batch)}


def foresight_accuracy(codes: Tensor, batch: dict[str, Tensor]) -> dict[str, float]:
    """`picture_accuracy`, and beside it `picture_copy`, that of "nothing changes"."""
    now = batch["past"][:, -1, : codes.shape[1]]
    return {
        "picture_accuracy": float(picture_accuracy(codes, batch["future"]).mean()),
        "picture_copy": float(picture_accuracy(now, batch["future"]).mean()),
    }


@torch.no_grad()
def policy_errors(
    learning: PolicyLearning,
    batch: dict[str, Tensor],
    normalisation: Normalisation,
    prefix_steps: int,
) -> dict[str, float]:
    """Those of `chunk_errors`, eq. 5 on the joints that move, and how the foresight did.

    `correlation_TAU` is over the windows, of `picture_accuracy` and eq. 5 (figure 10).
    """
    model = learning.model
    context = model.understanding(batch["current"], batch["words"])
    foresight = model.foresee(context, batch["past"]) if learning.foresees else None
    if foresight is not None:
        context = foresight.context

    def sample(noise: Tensor, *prefix: Tensor) -> Tensor:
        return model.sample(context, batch["state"], noise, *prefix)

    found = chunk_errors(sample, model.sizes, batch, normalisation, prefix_steps)
    accuracies = action_accuracies(model, sample, batch, normalisation)
    found |= {f"accuracy_{tau}": float(share.mean()) for tau, share in accuracies.items()}
    if foresight is not None:
        found |= foresight_accuracy(foresight.codes, batch)
        right = picture_accuracy(foresight.codes, batch["future"])
        for tau, share in accuracies.items():
            found[f"correlation_{tau}"] = correlation(right, share)
    return found


def action_accuracies(
    model: F1,
    sample: Callable[[Tensor], Tensor],
    batch: dict[str, Tensor],
    normalisation: Normalisation,
) -> dict[float, Tensor]:
    """Eq. 5 of each window, at each of the `TOLERANCES`; `sample` gives chunks from noise."""
    actions = batch["actions"]
    moving = torch.from_numpy(np.flatnonzero(normalisation.action_std > MOVES)).to(actions.device)
    unit = torch.from_numpy(normalisation.action_std).to(actions.device)
    noise = draw_noise(model.sizes, actions, torch.Generator().manual_seed(0))
    sampled, true = ((chunk * unit)[..., moving] for chunk in (sample(noise), actions))
    return {tau: action_accuracy(sampled, true, tau) for tau in TOLERANCES}
