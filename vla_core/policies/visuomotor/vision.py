"""The encoders that a policy may see by, fresh."""

from __future__ import annotations

from typing import Protocol

from torch import nn

from vla_core.policies.backbones.catalogue import DINOV2
from vla_core.policies.blocks.vit import ViT


class VisionSizes(Protocol):
    """What the sizes of a policy that sees say of its encoder.

    Attributes:
        image_size: side of the square camera pictures [pixels].
        cameras: number of views.
        vision: one of `VISIONS`.
        vit_stem, vit_layers, heads: of the small ViT.
    """

    image_size: int
    cameras: int
    vision: str
    vit_stem: tuple[int, ...]
    vit_layers: int
    heads: int


def new_vit(sizes: VisionSizes) -> ViT:
    """The small one."""
    stem = list(sizes.vit_stem)
    return ViT(sizes.image_size, stem, sizes.vit_layers, sizes.heads, sizes.cameras)


def new_encoder(sizes: VisionSizes) -> nn.Module:
    """The one that `vision` names; a backbone's without its weights."""
    if sizes.vision == DINOV2.name:
        from vla_core.policies.backbones.dinov2 import Dinov2

        return Dinov2(sizes.image_size, sizes.cameras)
    return new_vit(sizes)
