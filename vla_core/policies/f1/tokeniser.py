"""Pictures to tokens of several scales and back: a residual VQ-VAE in the manner of VAR's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.picture_coder import (
    PictureDecoder,
    PictureEncoder,
    pictures_of,
    pixels,
)
from vla_core.policies.f1.quantiser import Quantiser
from vla_core.policies.f1.sizes import F1Sizes


class Tokeniser(nn.Module):
    """Encoder, quantiser, decoder; of the picture of one camera.

    Args:
        sizes: of the policy.
    """

    def __init__(self, sizes: F1Sizes) -> None:
        super().__init__()
        levels, blocks, width = sizes.tokeniser_channels, sizes.tokeniser_blocks, sizes.code_width
        self.encoder = PictureEncoder(levels, blocks, width)
        self.quantiser = Quantiser(sizes.codes, width, sizes.scales, sizes.smoothers)
        self.decoder = PictureDecoder(levels, blocks, width)

    def features(self, pictures: Tensor) -> Tensor:
        """`(batch, h, w, 3)` uint8 -> `(batch, code_width, side, side)`, not quantised."""
        return self.encoder(pixels(pictures))

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        """`(batch, h, w, 3)` uint8 -> `(batch, n)` int64 codes of all scales."""
        codes, _, _ = self.quantiser.encode(self.features(pictures))
        return codes

    def picture(self, maps: Tensor) -> Tensor:
        """`(batch, code_width, side, side)` -> `(batch, h, w, 3)` float in 0..255."""
        return pictures_of(self.decoder(maps))
