"""The DINOv2-shaped visual encoder in the place of a small ViT (Oquab et al. 2023, ViT-S/14)."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate

from vla_core.policies.backbones.catalogue import DINOV2_PATCH
from vla_core.policies.blocks.transformer import SelfAttentionBlock

#: Patches a side of the pictures that its position embeddings were learned for.
LEARNED_GRID = 37
WIDTH, LAYERS, HEADS = 384, 12, 6
_EPS = 1e-6


class Dinov2(nn.Module):
    """Images to patch features, each camera by itself; fresh weights until `load_pretrained`.

    LayerScale is part of the matrices before it (`dinov2_fit`).

    Args:
        image_size: side of the square images, a multiple of `DINOV2_PATCH` [pixels].
        cameras: number of views.
        width, layers, heads: of the transformer.
    """

    #: What its weights take in.
    pixels = "rgb/imagenet"

    def __init__(
        self,
        image_size: int,
        cameras: int,
        width: int = WIDTH,
        layers: int = LAYERS,
        heads: int = HEADS,
    ) -> None:
        super().__init__()
        self.width = width
        self.grid = image_size // DINOV2_PATCH
        self.patches = cameras * self.grid**2
        self.stem = nn.Conv2d(3, width, DINOV2_PATCH, stride=DINOV2_PATCH)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(0.02 * torch.randn(1, 1 + self.grid**2, width))
        self.blocks = nn.ModuleList(SelfAttentionBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width, _EPS)
        for block in self.blocks:
            block.norm1.eps = block.norm2.eps = _EPS
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of 0 to 1
        self.register_buffer("mean", 255.0 * torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", 255.0 * torch.tensor(std)[:, None, None], persistent=False)

    def load_pretrained(self, folder: Path) -> Dinov2:
        """The weights of an installed backbone, its position embeddings brought to this grid."""
        weights = load_file(folder / "model.safetensors")
        weights["position"] = scaled_position(weights["position"], self.grid)
        self.load_state_dict(weights)
        return self

    def forward(self, images: Tensor) -> Tensor:
        """`(batch, cameras, height, width, 3)` uint8 -> `(batch, cameras * grid**2, width)`."""
        pixels = images.flatten(0, 1).permute(0, 3, 1, 2).float()
        x = self.stem((pixels - self.mean) / self.std).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1) + self.position
        for block in self.blocks:
            x = block(x)
        return self.norm(x)[:, 1:].unflatten(0, images.shape[:2]).flatten(1, 2)


def scaled_position(learned: Tensor, grid: int) -> Tensor:
    """`(1, 1 + n**2, width)` position embeddings of another grid, as DINOv2 itself scales them.

    The first one is that of the class token.
    """
    side = round((learned.shape[1] - 1) ** 0.5)
    if side == grid:
        return learned
    square = learned[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
    scaled = interpolate(square, size=(grid, grid), mode="bicubic", align_corners=False)
    return torch.cat([learned[:, :1], scaled.flatten(2).transpose(1, 2)], dim=1)
