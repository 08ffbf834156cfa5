"""UGA progressive attention: which token sees which (section 2.2).

Every token has a level, and sees the tokens of its own level and of those below. Understanding is
one level, then past and present, then each scale of the foresight, then the actions. So inside
understanding and action all see all, inside generation it is causal by scale, generation sees
understanding, action sees both, and nothing flows back.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

UNDERSTANDING, HISTORY, FORESIGHT = range(3)


def levels(understanding: int, history: int, counts: Sequence[int], actions: int = 0) -> Tensor:
    """Of a sequence's tokens, in the order of the experts.

    Args:
        understanding: tokens of scene and instruction.
        history: of past and present.
        counts: of each scale of the foresight, coarse to fine.
        actions: of state and actions.

    Returns:
        `(n,)` int64.
    """
    parts = [(understanding, UNDERSTANDING), (history, HISTORY)]
    parts += [(count, FORESIGHT + k) for k, count in enumerate(counts)]
    parts.append((actions, FORESIGHT + len(counts)))
    return torch.cat([torch.full((count,), level) for count, level in parts])


def sees(queries: Tensor, keys: Tensor) -> Tensor:
    """`(n, m)` bool of the levels `(n,)` and `(m,)` of tokens."""
    return keys <= queries[:, None]
