"""Where tokens are, for rotary positions: in time, counted in latent frames, and on the grid."""

from __future__ import annotations

import torch
from torch import Tensor

from vla_core.policies.lingbot_va.sizes import LingBotSizes


def frame_places(sizes: LingBotSizes, times: Tensor) -> Tensor:
    """Of latent frames' tokens, frame after frame, row by row.

    Args:
        times: `(batch, frames)`.

    Returns:
        `(batch, frames * N, 3)`: time, row, column; views go on to the right.
    """
    _, columns = sizes.grid
    place = torch.arange(sizes.frame_tokens, device=times.device)
    moments = times[:, :, None].expand(-1, -1, sizes.frame_tokens)
    grid = (axis.float().expand_as(moments) for axis in (place // columns, place % columns))
    return torch.stack([moments, *grid], dim=-1).flatten(1, 2)


def action_places(sizes: LingBotSizes, times: Tensor) -> Tensor:
    """Of the actions that lead to latent frames, evenly between the frame before and theirs.

    Args:
        times: `(batch, frames)`, of the frames.

    Returns:
        `(batch, frames * unit_steps, 3)`; they are at the grid's first place.
    """
    steps = torch.arange(sizes.unit_steps, device=times.device).float() / sizes.unit_steps
    moments = (times[:, :, None] - 1.0 + steps).flatten(1)
    nowhere = torch.zeros_like(moments)
    return torch.stack([moments, nowhere, nowhere], dim=-1)
