"""What modulates both streams, and what the video stream is told: flow time and instruction."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from vla_core.policies.blocks.decoder import RMSNorm
from vla_core.policies.blocks.words import InstructionShape


class FlowTime(nn.Module):
    """Flow time s to an embedding and to six vectors that modulate a layer, as Wan's has them.

    Cosines and sines of Wan's own time 1000 (1 - s), an MLP, and a linear layer.

    Args:
        numbers: in which a time is written.
        width: of the stream.
    """

    def __init__(self, numbers: int, width: int) -> None:
        super().__init__()
        half = numbers // 2
        frequencies = 1000.0 * torch.exp(-math.log(10_000.0) * torch.arange(half) / half)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.mlp = nn.Sequential(nn.Linear(numbers, width), nn.SiLU(), nn.Linear(width, width))
        self.six = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))

    def forward(self, time: Tensor) -> tuple[Tensor, Tensor]:
        """`(batch, n)` -> `(batch, n, width)` and `(batch, n, 6, width)`."""
        angle = (1.0 - time)[..., None] * self.frequencies
        embedded = self.mlp(torch.cat([angle.cos(), angle.sin()], dim=-1))
        return embedded, self.six(embedded).unflatten(-1, (6, -1))


class TextTokens(nn.Module):
    """An instruction as the video stream's layers are told it.

    What a text encoder gives of it, through an MLP. Of word ids an embedding stands for that
    encoder.

    Args:
        instruction: its shape.
        text_width: of the text encoder's tokens.
        width: of the stream.
    """

    def __init__(self, instruction: InstructionShape, text_width: int, width: int) -> None:
        super().__init__()
        self.words = None
        if not instruction.width:
            self.words = nn.Embedding(instruction.words, text_width)
        self.mlp = nn.Sequential(
            nn.Linear(text_width, width), nn.GELU("tanh"), nn.Linear(width, width)
        )

    def forward(self, words: Tensor) -> Tensor:
        """`(batch, tokens)` ids or `(batch, tokens, text_width)` -> `(batch, tokens, width)`."""
        return self.mlp(words if self.words is None else self.words(words))


class TextAttention(nn.Module):
    """Attention of a stream's tokens to the instruction, with normalised queries and keys.

    Args:
        width, heads: of the stream.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm_query, self.norm_key = RMSNorm(width), RMSNorm(width)

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        """Mix.

        Args:
            x: `(batch, n, width)`.
            text: `(batch * parts, tokens, width)`: of each of so many equal parts of the n, one
                after the other, its own.

        Returns:
            Like `x`.
        """
        asked = self.norm_query(self.query(x)).reshape(len(text), -1, x.shape[-1])
        query, key, value = (
            t.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for t in (asked, self.norm_key(self.key(text)), self.value(text))
        )
        mixed = scaled_dot_product_attention(query, key, value)
        return self.out(mixed.transpose(1, 2).flatten(2).reshape(x.shape))
