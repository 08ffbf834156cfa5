"""The understanding expert: scene and instruction, which the other experts then see."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.decoder import Decoder
from vla_core.policies.blocks.text import text_layer
from vla_core.policies.f1.sizes import F1Sizes


class Understanding(nn.Module):
    """Features of the pictures and words as one sequence, in which all tokens see all.

    Args:
        sizes: of the policy.
        patches, feature_width: of the features.
    """

    def __init__(self, sizes: F1Sizes, patches: int, feature_width: int) -> None:
        super().__init__()
        width = sizes.understanding_width
        self.tokens = patches + sizes.instruction_shape.tokens
        self.visual = nn.Linear(feature_width, width)
        self.text = text_layer(sizes.instruction_shape, width)
        self.decoder = Decoder(
            width,
            sizes.understanding_hidden,
            sizes.layers,
            sizes.heads,
            sizes.key_value_heads,
            sizes.head_width,
        )

    def forward(self, current: Tensor, words: Tensor) -> Tensor:
        """What the other experts see of it: computed once a step.

        Args:
            current: `(batch, patches, feature_width)` of the observation.
            words: the instruction (`InstructionShape`).

        Returns:
            `(batch, tokens, cache width)`.
        """
        _, cache = self.decoder(torch.cat([self.visual(current), self.text(words)], dim=1))
        return cache
