"""A decoder-only transformer as Gemma's, whose layers also see keys and values of others.

RMSNorm before attention and MLP (Zhang and Sennrich 2019, arXiv 1910.07467), rotary positions (Su
et al. 2021, arXiv 2104.09864), few heads of keys and values for many of queries (Ainslie et al.
2023, arXiv 2305.13245), a gated MLP with Swish (Shazeer 2020, arXiv 2002.05202).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, silu

#: Rotary frequencies go down to 1 / this.
_SLOWEST = 10_000.0


class RMSNorm(nn.Module):
    """x / rms(x) (1 + w), with w = 0 at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """`(..., width)` -> the same shape."""
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + 1e-6) * (1.0 + self.weight)


def rotated(x: Tensor, first: int) -> Tensor:
    """Rotary positions: pairs (i, i + width / 2) turned by position / _SLOWEST^(2 i / width).

    Args:
        x: `(batch, heads, n, width)` queries or keys.
        first: position of the first; the others follow.
    """
    half = x.shape[-1] // 2
    exponents = torch.arange(half, device=x.device) / half
    places = torch.arange(first, first + int(x.shape[2]), device=x.device)
    angles = places[:, None] * _SLOWEST**-exponents
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


class SharedAttention(nn.Module):
    """Attention of a layer's own tokens over those of others and themselves.

    Args:
        width: of the tokens.
        heads, key_value_heads: of queries, and of keys and values, a divisor of those.
        head_width: of each.
    """

    def __init__(self, width: int, heads: int, key_value_heads: int, head_width: int) -> None:
        super().__init__()
        self.groups, self.head_width = heads // key_value_heads, head_width
        self.query = nn.Linear(width, heads * head_width, bias=False)
        self.key = nn.Linear(width, key_value_heads * head_width, bias=False)
        self.value = nn.Linear(width, key_value_heads * head_width, bias=False)
        self.out = nn.Linear(heads * head_width, width, bias=False)

    def forward(
        self, x: Tensor, mask: Tensor | None, seen: Tensor | None, first: int
    ) -> tuple[Tensor, Tensor]:
        """Mix.

        Args:
            x: `(batch, n, width)`.
            mask: `(n, m + n)` bool, which tokens each sees; None: all.
            seen: `(batch, m, 2 * key_value_heads * head_width)` of others; None: m = 0.
            first: position of the first token.

        Returns:
            Like `x`; and its own keys, turned, and values, as `seen` has them.
        """
        query = rotated(self._split(self.query(x)), first)
        key = rotated(self._split(self.key(x)), first).transpose(1, 2).flatten(2)
        own = torch.cat([key, self.value(x)], dim=-1)
        all_seen = own if seen is None else torch.cat([seen, own], dim=1)
        keys, values = (
            self._split(part).repeat_interleave(self.groups, dim=1)
            for part in all_seen.chunk(2, dim=-1)
        )
        mixed = scaled_dot_product_attention(query, keys, values, attn_mask=mask)
        return self.out(mixed.transpose(1, 2).flatten(2)), own

    def _split(self, t: Tensor) -> Tensor:
        return t.unflatten(-1, (-1, self.head_width)).transpose(1, 2)


class DecoderLayer(nn.Module):
    """Pre-norm: attention, then the gated MLP, both added."""

    def __init__(
        self, width: int, hidden: int, heads: int, key_value_heads: int, head_width: int
    ) -> None:
        super().__init__()
        self.norm_attention, self.norm_mlp = RMSNorm(width), RMSNorm(width)
        self.attention = SharedAttention(width, heads, key_value_heads, head_width)
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(
        self, x: Tensor, mask: Tensor | None, seen: Tensor | None, first: int
    ) -> tuple[Tensor, Tensor]:
        """One layer; arguments and result as those of `SharedAttention`."""
        mixed, own = self.attention(self.norm_attention(x), mask, seen, first)
        x = x + mixed
        told = self.norm_mlp(x)
        return x + self.down(silu(self.gate(told)) * self.up(told)), own


class Decoder(nn.Module):
    """Layers one after the other; what others may see of it is one tensor, its cache.

    Decoders of any width see each other's caches if layers, `key_value_heads` and `head_width` are
    the same.

    Args:
        width, hidden: of tokens; of the MLP.
        layers, heads, key_value_heads, head_width: as for `SharedAttention`.
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        layers: int,
        heads: int,
        key_value_heads: int,
        head_width: int,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DecoderLayer(width, hidden, heads, key_value_heads, head_width) for _ in range(layers)
        )
        self.norm = RMSNorm(width)

    @property
    def beyond_cache(self) -> list[nn.Module]:
        """Parts on which its cache does not depend: what comes after the last keys and values."""
        last = self.layers[-1]
        mixing = [last.attention.query, last.attention.out]
        return [*mixing, last.norm_mlp, last.gate, last.up, last.down, self.norm]

    def forward(
        self, x: Tensor, mask: Tensor | None = None, seen: Tensor | None = None, first: int = 0
    ) -> tuple[Tensor, Tensor]:
        """Tokens through all layers.

        Args:
            x: `(batch, n, width)`.
            mask: `(n, m + n)` bool; None: each sees all.
            seen: `(batch, m, cache width)` caches of others, one after the other; None: none.
            first: position of the first token.

        Returns:
            `(batch, n, width)`; and its cache `(batch, n, cache width)`: keys and values of each
            layer, 2 * layers * key_value_heads * head_width numbers a token.
        """
        parts = [None] * len(self.layers)
        if seen is not None:
            parts = seen.chunk(len(self.layers), dim=-1)
        cache = []
        for layer, part in zip(self.layers, parts, strict=True):
            x, own = layer(x, mask, part, first)
            cache.append(own)
        return self.norm(x), torch.cat(cache, dim=-1)
