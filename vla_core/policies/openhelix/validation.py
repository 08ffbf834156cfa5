"""What a stage has learned, measured on held-out windows."""

from __future__ import annotations

import torch
from torch import Tensor

from vla_core.policies.openhelix.hands import HandScaling
from vla_core.policies.openhelix.losses import Joined, PolicyAlone, parted
from vla_core.policies.visuomotor.validation import draw_noise


@torch.no_grad()
def chunk_errors(
    learning: PolicyAlone | Joined, batch: dict[str, Tensor], scaling: HandScaling
) -> dict[str, float]:
    """Of sampled chunks, mean over steps and hands.

    Returns:
        `position_mm`, distance to the position that was shown; `still_mm`, that of a hand that
        stays where it is; `rotation`, mean absolute error of the numbers of a rotation; `grip`,
        share of grips that are told right.
    """
    model, actions = learning.model, batch["actions"]
    noise = draw_noise(model.sizes, actions, torch.Generator().manual_seed(0))
    poses, grips = model.sample(learning.goal(batch), batch, noise)
    std = torch.from_numpy(scaling.std).to(actions.device)
    place, turn = parted((poses - actions) * std)
    still, _ = parted(actions * std)
    return {
        "position_mm": float(place.norm(dim=-1).mean()) * 1e3,
        "still_mm": float(still.norm(dim=-1).mean()) * 1e3,
        "rotation": float(turn.abs().mean()),
        "grip": float(((grips > 0.0) == (batch["grips"] > 0.5)).float().mean()),
    }
