"""Steps that the robot will have done, clean among the noisy ones of a chunk."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def committed(
    actions: Tensor,
    time: Tensor,
    told: Callable[[Tensor], Tensor],
    prefix: Tensor | None,
    frozen: Tensor | None,
    tokens: Callable[[Tensor], Tensor] = lambda frozen: frozen,
) -> tuple[Tensor, Tensor]:
    """A chunk that begins with them, and what each of its tokens is told of the time.

    Where `frozen`, the action is the prefix's, clean, and so its tokens' time is 1 (Black et al.
    2025, arXiv 2512.05964). Without frozen actions this is plain flow matching, or diffusion.

    Args:
        actions: `(batch, horizon, width)` noisy chunks.
        time: `(batch,)` in [0, 1]; 0 is noise, 1 is data.
        told: from a time `(batch,)` to what all tokens are told of it, `(batch, 1, ...)`.
        prefix: like `actions`, what is committed; what it holds elsewhere does not matter.
        frozen: `(batch, horizon)` bool, which actions are committed.
        tokens: from `frozen` to `(batch, tokens)` bool, which tokens stand for those.

    Returns:
        Like `actions`; and `(batch, tokens, ...)`, or 1 in the place of tokens for all alike.
    """
    said = told(time)
    if frozen is None:
        return actions, said
    clean = tokens(frozen)[(..., *(None,) * (said.dim() - 2))]
    said = torch.where(clean, told(torch.ones_like(time)), said)
    return torch.where(frozen[..., None], prefix, actions), said
