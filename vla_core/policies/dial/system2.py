"""DIAL, section 3.2: predictive intent synthesis by latent world modelling."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.text import text_layer
from vla_core.policies.blocks.transformer import SelfAttentionBlock, mlp
from vla_core.policies.blocks.words import InstructionShape


class PromptedTransformer(nn.Module):
    """Self-attention over [patches, words, learnable queries].

    Args:
        patches: number of patch features, of all cameras together.
        feature_width: width of the features that it sees.
        width, layers, heads: of the transformer.
        instruction: its shape; word 0 is padding.
        queries: how many; 0: none.
    """

    def __init__(
        self,
        patches: int,
        feature_width: int,
        width: int,
        layers: int,
        heads: int,
        instruction: InstructionShape,
        queries: int,
    ) -> None:
        super().__init__()
        self.visual = nn.Linear(feature_width, width)
        self.text = text_layer(instruction, width)
        self.freeze_text()
        self.position = nn.Parameter(0.02 * torch.randn(patches + instruction.tokens, width))
        self.queries = nn.Parameter(0.02 * torch.randn(queries, width)) if queries else None
        self.blocks = nn.ModuleList(SelfAttentionBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def freeze_text(self) -> None:
        """Section 3.4: the text embedding stays frozen; the projection of a sentence learns."""
        if isinstance(self.text, nn.Embedding):
            self.text.requires_grad_(False)

    def tokens(self, features: Tensor, words: Tensor, mask: Tensor | None = None) -> Tensor:
        """All tokens after the last layer, before its norm.

        Args:
            features: `(batch, patches, feature_width)` of the current observation.
            words: the instruction, `(batch, max_words)` int64 word ids, or a sentence encoder's
                `(batch, 1, width)`.
            mask: `(tokens, tokens)` bool, as `Attention` takes it.

        Returns:
            `(batch, patches + words + queries, width)`.
        """
        x = torch.cat([self.visual(features), self.text(words)], dim=1) + self.position
        if self.queries is not None:
            x = torch.cat([x, self.queries.expand(len(features), -1, -1)], dim=1)
        for block in self.blocks:
            x = block(x, mask)
        return x


class Foreseeing(nn.Module):
    """Current features and instruction to the features of the observation H steps ahead.

    There are as many queries as patches foreseen; their outputs go through an MLP head to the
    intent x_t (eq. 1). The head's output is added to the current features of the same patch, so
    that "nothing changes" is where it starts from; where they are of another space than what is
    foreseen (`Foresight.MISMATCHED`) it has to give the features themselves.

    Of a class that has tokens of patches, words and queries, and their norm.

    Attributes:
        patches: foreseen.
        same_space: whether it sees in the space that it foresees in.
        head: the MLP.
    """

    patches: int
    same_space: bool
    head: nn.Module

    def forward(self, features: Tensor, words: Tensor) -> Tensor:
        """Synthesise the intent; arguments as those of `tokens`.

        Returns:
            `(batch, patches, width)` of the space foreseen: the foresight x_t.
        """
        x = self.tokens(features, words)
        ahead = self.head(self.norm(x[:, -self.patches :]))
        return features + ahead if self.same_space else ahead


class ForesightTransformer(Foreseeing, PromptedTransformer):
    """A small one.

    Args:
        patches, feature_width, width, layers, heads, instruction: as `PromptedTransformer`.
        foreseen: patches and feature width of another space; None: the one that it sees in.
    """

    def __init__(
        self,
        patches: int,
        feature_width: int,
        width: int,
        layers: int,
        heads: int,
        instruction: InstructionShape,
        foreseen: tuple[int, int] | None = None,
    ) -> None:
        queries, foreseen_width = foreseen or (patches, feature_width)
        super().__init__(patches, feature_width, width, layers, heads, instruction, queries)
        self.patches, self.same_space = queries, foreseen is None
        self.head = mlp(width, 2 * width, foreseen_width)
