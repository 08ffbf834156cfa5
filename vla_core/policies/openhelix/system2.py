"""OpenHelix's System 2 around its frozen language model: what goes in behind the words, and out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.patch_grid import averaged
from vla_core.policies.blocks.transformer import mlp
from vla_core.policies.openhelix.sizes import POSE, OpenHelixSizes


class Prompt(nn.Module):
    """l' = {l, <ACT>}: what stands behind the words of the instruction l (appendix A.4).

    First the pictures o'_t, through a projector to the language model's width; last the learnable
    token.

    Args:
        sizes: of the policy.
        feature_width: of the frozen encoder.
    """

    def __init__(self, sizes: OpenHelixSizes, feature_width: int) -> None:
        super().__init__()
        self.cameras, self.grid = sizes.cameras, sizes.grid
        width = sizes.language_width
        self.token = nn.Parameter(0.02 * torch.randn(width))
        self.visual = self.place = None
        if sizes.sees:
            self.visual = mlp(feature_width, width, width)
            self.place = nn.Parameter(0.02 * torch.randn(sizes.cameras * sizes.grid**2, width))

    def forward(self, features: Tensor) -> Tensor:
        """`(batch, patches, feature_width)` -> `(batch, pictures' places + 1, language_width)`."""
        token = self.token.expand(len(features), 1, -1)
        if self.visual is None:
            seen = features[:, :0, :1].expand(-1, -1, len(self.token))
        else:
            seen = self.visual(averaged(features, self.cameras, self.grid)) + self.place
        return torch.cat([seen, token], dim=1)


class Projector(nn.Module):
    """The latent to System 1's width; it takes the place of the policy's text encoder (A.3).

    Args:
        language_width, width: of the latent, and of System 1.
    """

    def __init__(self, language_width: int, width: int) -> None:
        super().__init__()
        self.mlp = mlp(language_width, 2 * width, width)

    def forward(self, latent: Tensor) -> Tensor:
        """`(batch, language_width)` -> `(batch, width)`."""
        return self.mlp(latent)


class ActionHead(nn.Module):
    """The auxiliary task's MLP: latent to trajectory (section 6, eq. 1)."""

    def __init__(self, sizes: OpenHelixSizes) -> None:
        super().__init__()
        self.horizon = sizes.horizon
        hidden = sizes.language_width
        self.mlp = mlp(hidden, hidden, sizes.horizon * sizes.hands * POSE)

    def forward(self, latent: Tensor) -> Tensor:
        """`(batch, language_width)` -> `(batch, T, hands * 9)`, normalised."""
        return self.mlp(latent).unflatten(-1, (self.horizon, -1))
