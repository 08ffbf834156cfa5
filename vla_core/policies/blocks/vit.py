"""The vision transformer whose feature space both systems share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.transformer import SelfAttentionBlock


class ViT(nn.Module):
    """Images to patch features, each camera by itself with its own position embedding.

    A convolutional stem (stride 2 a layer) takes the place of the linear patch embedding: small
    objects keep their sub-patch position. The features leave through a layer norm without
    parameters, so the mean squared error of eq. 2 weighs every patch alike.

    Args:
        image_size: side of the square images [pixels].
        stem: channels after each stride-2 convolution; `2 ** len(stem)` is the patch size.
        layers, heads: of the transformer; its width is the stem's last.
        cameras: number of views.
    """

    #: What its weights take in.
    pixels = "rgb/127.5-1"

    def __init__(
        self, image_size: int, stem: list[int], layers: int, heads: int, cameras: int
    ) -> None:
        super().__init__()
        self.width = stem[-1]
        self.grid = image_size >> len(stem)
        parts: list[nn.Module] = []
        for before, after in zip([3, *stem[:-1]], stem, strict=True):
            parts += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GELU()]
        self.stem = nn.Sequential(*parts[:-1])
        self.position = nn.Parameter(0.02 * torch.randn(cameras, self.grid**2, self.width))
        self.blocks = nn.ModuleList(SelfAttentionBlock(self.width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(self.width, elementwise_affine=False)

    @property
    def patches(self) -> int:
        """Patches of all cameras together."""
        return self.position.shape[0] * self.position.shape[1]

    def forward(self, images: Tensor) -> Tensor:
        """Encode one observation's views.

        Args:
            images: `(batch, cameras, height, width, 3)` uint8.

        Returns:
            `(batch, cameras * grid**2, width)` features, cameras one after the other.
        """
        pixels = images.flatten(0, 1).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        tokens = self.stem(pixels).flatten(2).transpose(1, 2)
        tokens = tokens.unflatten(0, images.shape[:2]) + self.position
        tokens = tokens.flatten(0, 1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens).unflatten(0, images.shape[:2]).flatten(1, 2)
