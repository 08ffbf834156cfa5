"""Positions in space as rotations of queries and keys, so that attention feels differences alone.

Rotary embedding (Su et al. 2021, arXiv 2104.09864) of three axes: of space in metres, as 3D
Diffuser Actor has it (Ke et al. 2024, arXiv 2402.10885), or of a video's grid.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


#: Rotary frequencies of a grid go down to nearly 1 / this.
_SLOWEST = 10_000.0


class SpatialAngles(nn.Module):
    """x, y and z to angles: a third of the pairs of numbers of a head to each axis.

    Args:
        head_width: numbers of a head, a multiple of 6.
        longest_m, shortest_m: wavelengths, from which on through to which the pairs go [m].
    """

    def __init__(self, head_width: int, longest_m: float, shortest_m: float) -> None:
        super().__init__()
        waves = torch.logspace(math.log10(longest_m), math.log10(shortest_m), head_width // 6)
        self.register_buffer("frequencies", 2.0 * math.pi / waves, persistent=False)

    def forward(self, places: Tensor) -> Tensor:
        """`(batch, n, 3)` [m] -> `(batch, 1, n, head_width / 2)`, the same for all heads."""
        return (places[..., None] * self.frequencies).flatten(-2)[:, None]


class GridAngles(nn.Module):
    """Time, row and column of a video's tokens to angles, as Wan's (arXiv 2503.20314) has them.

    A third of the pairs of numbers of a head goes to each axis, and what is left over to time; pair
    i of n turns by 10000^(-i / n) a step of its axis.

    Args:
        head_width: numbers of a head, an even number of at least 6.
    """

    def __init__(self, head_width: int) -> None:
        super().__init__()
        side = head_width // 6
        counts = head_width // 2 - 2 * side, side, side
        turns = [_SLOWEST ** -(torch.arange(n, dtype=torch.float64) / n) for n in counts]
        # each axis has zeros where the pairs are another's
        frequencies = torch.block_diag(*(turn[None] for turn in turns)).float()
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, places: Tensor) -> Tensor:
        """`(batch, n, 3)` -> `(batch, 1, n, head_width / 2)`, the same for all heads."""
        return (places @ self.frequencies)[:, None]


def rotated(x: Tensor, angles: Tensor) -> Tensor:
    """Each pair (x_k, x_{k + w/2}) turned by its angle.

    Args:
        x: `(batch, heads, n, w)`.
        angles: `(batch, 1, n, w / 2)`.
    """
    first, second = x.chunk(2, dim=-1)
    cosine, sine = angles.cos(), angles.sin()
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)


class PlacedAttention(nn.Module):
    """Multi-head attention among things that have a place; moved all together, it says the same.

    Args:
        width, heads: of the queries and of what they look at.
        longest_m, shortest_m: as `SpatialAngles` has them.
    """

    def __init__(self, width: int, heads: int, longest_m: float, shortest_m: float) -> None:
        super().__init__()
        self.heads = heads
        self.angles = SpatialAngles(width // heads, longest_m, shortest_m)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self,
        x: Tensor,
        places: Tensor,
        context: Tensor,
        context_places: Tensor,
        shown: Tensor | None = None,
    ) -> Tensor:
        """`(batch, n, width)`.

        Args:
            x, places: `(batch, n, width)` that ask, and `(batch, n, 3)` where they are [m].
            context, context_places: `(batch, m, width)` and `(batch, m, 3)` that are looked at.
            shown: `(batch, m)` bool, which of those are; None: all.
        """
        key, value = self.key_value(context).chunk(2, dim=-1)
        query, key, value = (self._split(t) for t in (self.query(x), key, value))
        query = rotated(query, self.angles(places))
        key = rotated(key, self.angles(context_places))
        mask = None if shown is None else shown[:, None, None]
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, t: Tensor) -> Tensor:
        return t.unflatten(-1, (self.heads, -1)).transpose(1, 2)
