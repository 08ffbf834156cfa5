"""DIAL, section 3.2: predictive intent synthesis by latent world modelling."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.text import text_layer
from vla_core.policies.blocks.transformer import SelfAttentionBlock, mlp
from vla_core.policies.blocks.words import InstructionShape


class ForesightTransformer(nn.Module):
    """Current features and instruction to the features of the observation H steps ahead.

    The sequence is [patches, words, learnable queries], with as many queries as patches; the
    queries' outputs go through an MLP head to the intent x_t (eq. 1). The head's output is added
    to the current features of the same patch, so that "nothing changes" is where it starts from.

    Args:
        patches: number of patch features, of all cameras together.
        feature_width: width of the ViT's features.
        width, layers, heads: of the transformer.
        instruction: its shape; word 0 is padding.
    """

    def __init__(
        self,
        patches: int,
        feature_width: int,
        width: int,
        layers: int,
        heads: int,
        instruction: InstructionShape,
    ) -> None:
        super().__init__()
        self.patches = patches
        self.visual = nn.Linear(feature_width, width)
        self.text = text_layer(instruction, width)
        self.freeze_text()
        self.position = nn.Parameter(0.02 * torch.randn(patches + instruction.tokens, width))
        self.queries = nn.Parameter(0.02 * torch.randn(patches, width))
        self.blocks = nn.ModuleList(SelfAttentionBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = mlp(width, 2 * width, feature_width)

    def freeze_text(self) -> None:
        """Section 3.4: the text embedding stays frozen; the projection of a sentence learns."""
        if isinstance(self.text, nn.Embedding):
            self.text.requires_grad_(False)

    def forward(self, features: Tensor, words: Tensor) -> Tensor:
        """Synthesise the intent.

        Args:
            features: `(batch, patches, feature_width)` of the current observation.
            words: the instruction, `(batch, max_words)` int64 word ids, or a sentence encoder's
                `(batch, 1, width)`.

        Returns:
            `(batch, patches, feature_width)`: the foresight x_t.
        """
        context = torch.cat([self.visual(features), self.text(words)], dim=1) + self.position
        x = torch.cat([context, self.queries.expand(len(features), -1, -1)], dim=1)
        for block in self.blocks:
            x = block(x)
        return features + self.head(self.norm(x[:, -self.patches :]))
