"""DIAL, section 3.3: reactive motor control as latent inverse dynamics."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.transformer import SelfAttentionBlock


class Fusion(nn.Module):
    """Self-attention over current features and intent: where the scene is, and where it shall be."""

    def __init__(
        self, patches: int, feature_width: int, width: int, layers: int, heads: int
    ) -> None:
        super().__init__()
        self.tokens = 2 * patches
        self.project = nn.Linear(feature_width, width)
        self.position = nn.Parameter(0.02 * torch.randn(patches, width))
        self.role = nn.Parameter(0.02 * torch.randn(2, 1, width))
        self.blocks = nn.ModuleList(SelfAttentionBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, current: Tensor, intent: Tensor) -> Tensor:
        """Two `(batch, patches, feature_width)` -> `(batch, 2 * patches, width)`."""
        views = (
            self.project(features) + self.position + role
            for features, role in zip((current, intent), self.role, strict=True)
        )
        x = torch.cat(list(views), dim=1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)
