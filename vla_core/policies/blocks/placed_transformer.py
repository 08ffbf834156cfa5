"""Transformer layers over tokens that have places in space."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.rotary import PlacedAttention
from vla_core.policies.blocks.transformer import mlp


class PlacedBlock(nn.Module):
    """Pre-norm layer: attention among placed tokens, then an MLP.

    Args:
        width, heads, longest_m, shortest_m: as `PlacedAttention` has them.
    """

    def __init__(self, width: int, heads: int, longest_m: float, shortest_m: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = PlacedAttention(width, heads, longest_m, shortest_m)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = mlp(width, 4 * width)

    def forward(self, x: Tensor, places: Tensor, shown: Tensor) -> Tensor:
        """`(batch, n, width)` -> the same shape; only tokens that are `shown` are looked at."""
        told = self.norm1(x)
        x = x + self.attention(told, places, told, places, shown)
        return x + self.mlp(self.norm2(x))


class PlacedDiTBlock(nn.Module):
    """`DiTBlock` in space: attention among the noisy tokens, then to the scene, then an MLP.

    Args:
        width, heads, longest_m, shortest_m: as `PlacedAttention` has them.
    """

    def __init__(self, width: int, heads: int, longest_m: float, shortest_m: float) -> None:
        super().__init__()
        sizes = width, heads, longest_m, shortest_m
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False)
        self.self_attention = PlacedAttention(*sizes)
        self.norm2 = nn.LayerNorm(width)
        self.cross_attention = PlacedAttention(*sizes)
        self.norm3 = nn.LayerNorm(width, elementwise_affine=False)
        self.mlp = mlp(width, 4 * width)
        self.table = nn.Parameter(torch.randn(6, width) / math.sqrt(width))

    def forward(
        self,
        x: Tensor,
        places: Tensor,
        context: Tensor,
        context_places: Tensor,
        shown: Tensor,
        modulation: Tensor,
    ) -> Tensor:
        """One layer.

        Args:
            x, places: `(batch * draws, n, width)` and `(batch * draws, n, 3)`; the draws of one
                context lie one after the other.
            context, context_places, shown: `(batch, m, width)`, `(batch, m, 3)`, `(batch, m)`.
            modulation: `(batch * draws, n, 6, width)`, or 1 in the place of n for all tokens alike.
        """
        shift1, scale1, gate1, shift2, scale2, gate2 = (self.table + modulation).unbind(dim=2)
        told = self.norm1(x) * (1 + scale1) + shift1
        x = x + gate1 * self.self_attention(told, places, told, places)
        queries, where = (
            t.reshape(len(context), -1, t.shape[-1]) for t in (self.norm2(x), places)
        )
        seen = self.cross_attention(queries, where, context, context_places, shown)
        x = x + seen.reshape(x.shape)
        return x + gate2 * self.mlp(self.norm3(x) * (1 + scale2) + shift2)
