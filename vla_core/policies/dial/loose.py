"""DIAL, sections 4.2.2 and 5.2: loosely coupled systems, which DIAL's bottleneck is compared with.

System 1 is conditioned on what System 2 understands, as GR00T's is, and a foresight, if there is
one, stands beside it. Everything else is DIAL's: encoder, widths, layers, flow matching.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.transformer import SelfAttentionBlock, mlp
from vla_core.policies.blocks.words import InstructionShape
from vla_core.policies.dial.foresight import Foresight
from vla_core.policies.dial.system2 import PromptedTransformer


class LooseTransformer(PromptedTransformer):
    """Current features and instruction to tokens; a foresight's queries, where there are, last.

    What is seen and told does not look at the queries, as in the causal language model of the
    paper: without them the tokens before are the same.

    Args:
        foresight: a loose one.
        patches, feature_width, width, layers, heads, instruction: as `PromptedTransformer`.
    """

    def __init__(
        self,
        foresight: Foresight,
        patches: int,
        feature_width: int,
        width: int,
        layers: int,
        heads: int,
        instruction: InstructionShape,
    ) -> None:
        queries = patches if foresight.foresees else 0
        super().__init__(patches, feature_width, width, layers, heads, instruction, queries)
        self.understood = patches + instruction.tokens
        mask = torch.ones(self.understood + queries, self.understood + queries, dtype=torch.bool)
        mask[: self.understood, self.understood :] = False
        self.register_buffer("mask", mask if queries else None, persistent=False)

    def forward(self, features: Tensor, words: Tensor) -> Tensor:
        """All tokens `(batch, n, width)`; arguments as those of `tokens`."""
        return self.norm(self.tokens(features, words, self.mask))


class ForesightHead(nn.Module):
    """The queries' outputs to the features H steps ahead, from "nothing changes" on as DIAL's.

    Args:
        queries: how many of the tokens, the last ones.
        width, feature_width: of tokens and features.
    """

    def __init__(self, queries: int, width: int, feature_width: int) -> None:
        super().__init__()
        self.queries = queries
        self.head = mlp(width, 2 * width, feature_width)

    def forward(self, tokens: Tensor, features: Tensor) -> Tensor:
        """`(batch, n, width)`, `(batch, queries, feature_width)` -> like `features`."""
        return features + self.head(tokens[:, -self.queries :])


class LooseFusion(nn.Module):
    """Self-attention over System 2's tokens, and System 1's own view where it has one.

    Args:
        given, token_width: tokens that it is given.
        patches, feature_width: of its own view; 0 patches: it has none.
        width, layers, heads: of the transformer.
    """

    def __init__(
        self,
        given: int,
        token_width: int,
        patches: int,
        feature_width: int,
        width: int,
        layers: int,
        heads: int,
    ) -> None:
        super().__init__()
        self.tokens = given + patches
        self.project = nn.Linear(token_width, width)
        self.visual = nn.Linear(feature_width, width) if patches else None
        self.position = nn.Parameter(0.02 * torch.randn(self.tokens, width))
        self.blocks = nn.ModuleList(SelfAttentionBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, intent: Tensor, current: Tensor | None = None) -> Tensor:
        """The context of a chunk.

        Args:
            intent: `(batch, given, token_width)`.
            current: `(batch, patches, feature_width)`, what System 1 sees itself.

        Returns:
            `(batch, given + patches, width)`.
        """
        x = self.project(intent)
        if current is not None:
            x = torch.cat([x, self.visual(current)], dim=1)
        x = x + self.position
        for block in self.blocks:
            x = block(x)
        return self.norm(x)
