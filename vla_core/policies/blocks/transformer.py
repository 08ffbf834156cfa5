"""Transformer parts that the policies share."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Attention(nn.Module):
    """Multi-head attention; queries from `x`, keys and values from `context` (or `x` itself)."""

    def __init__(self, width: int, heads: int, context_width: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(context_width or width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """`(batch, n, width)`, `(batch, m, context_width)` -> `(batch, n, width)`.

        Args:
            mask: `(n, m)` bool, which queries look at which keys; None: all at all.
        """
        return self.mix(x, self.key_value(x if context is None else context), mask)

    def mix(self, x: Tensor, key_value: Tensor, mask: Tensor | None = None) -> Tensor:
        """The same of keys and values that are there already.

        Args:
            key_value: `(batch, m, 2 * width)`.
            mask: `(n, m)` bool, or `(batch, 1, n, m)`.
        """
        key, value = key_value.chunk(2, dim=-1)
        query, key, value = (self._split(t) for t in (self.query(x), key, value))
        mixed = scaled_dot_product_attention(query, key, value, mask)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, t: Tensor) -> Tensor:
        return t.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def mlp(width: int, hidden: int, out: int | None = None) -> nn.Sequential:
    """Two linear layers with a GELU between."""
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, out or width))


def zeroed(layer: nn.Linear) -> nn.Linear:
    """A layer that says nothing until it has learned."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class SelfAttentionBlock(nn.Module):
    """Pre-norm transformer layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = mlp(width, 4 * width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`(batch, n, width)` -> the same shape; `mask` as `Attention` takes it."""
        x = x + self.attention(self.norm1(x), mask=mask)
        return x + self.mlp(self.norm2(x))


class DiTBlock(nn.Module):
    """Diffusion-transformer layer: self-attention, cross-attention and MLP, modulated by time.

    The modulation is shared by all layers up to a learned table (adaptive layer norm, single).
    """

    def __init__(self, width: int, heads: int, context_width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False)
        self.self_attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.cross_attention = Attention(width, heads, context_width)
        self.norm3 = nn.LayerNorm(width, elementwise_affine=False)
        self.mlp = mlp(width, 4 * width)
        self.table = nn.Parameter(torch.randn(6, width) / math.sqrt(width))

    def forward(self, x: Tensor, context: Tensor, modulation: Tensor) -> Tensor:
        """One layer.

        Args:
            x: `(batch * draws, n, width)`; the draws of one context lie one after the other.
            context: `(batch, m, context_width)`.
            modulation: `(batch * draws, n, 6, width)`, or 1 in the place of n for all tokens alike.
        """
        shift1, scale1, gate1, shift2, scale2, gate2 = (
            (self.table + modulation).unbind(dim=2)
        )
        x = x + gate1 * self.self_attention(self.norm1(x) * (1 + scale1) + shift1)
        queries = self.norm2(x).reshape(len(context), -1, x.shape[-1])
        x = x + self.cross_attention(queries, context).reshape(x.shape)
        return x + gate2 * self.mlp(self.norm3(x) * (1 + scale2) + shift2)


class TimeEmbedding(nn.Module):
    """Flow time in [0, 1] to a vector: sines and cosines, then an MLP."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        # Named, as transformers replaces torch.linspace while it loads a model; where a device is
        # chosen for the first time then, torch forgets to put the true one's tensors there.
        device = torch.get_default_device()
        steps = torch.linspace(0.0, math.log(1000.0), width // 2, device=device)
        self.register_buffer("frequencies", torch.exp(steps))
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, out))

    def forward(self, time: Tensor) -> Tensor:
        """`(batch,)` -> `(batch, out)`."""
        angle = time[:, None] * self.frequencies
        return self.mlp(torch.cat([angle.sin(), angle.cos()], dim=-1))
