"""Where things are in pictures, learned by what a policy makes of it: spatial softmax."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from vla_core.policies.blocks.film import FiLM
from vla_core.policies.blocks.text import text_layer
from vla_core.policies.blocks.words import InstructionShape

#: Numbers that an instruction is to the layers that it modulates.
_TOLD = 64
#: Of the first convolution [pixels].
_PATCH, _STRIDE = 8, 4


def spatial_softmax(heat: Tensor) -> Tensor:
    """The place that each map expects (Levine et al. 2016, arXiv 1504.00702, section 5.2).

    (x, y) = sum_ij softmax(heat)_ij (x_ij, y_ij), with the picture's borders at -1 and 1.

    Args:
        heat: `(batch, points, height, width)`.

    Returns:
        `(batch, points, 2)`, x to the right and y down.
    """
    height, width = heat.shape[-2:]
    rows, columns = (
        (torch.arange(n, device=heat.device, dtype=heat.dtype) * 2 + 1) / n - 1
        for n in (height, width)
    )
    share = heat.flatten(2).softmax(dim=-1).unflatten(-1, (height, width))
    return torch.stack([share.sum(dim=-2) @ columns, share.sum(dim=-1) @ rows], dim=-1)


class Keypoints(nn.Module):
    """Pictures to the places of what the instruction asks for, each camera by its own network.

    Without a loss of its own: it learns with the policy. Patches that overlap, modulated by the
    mean of the instruction's tokens (`FiLM`), a residual convolution, then a map a place.

    Args:
        channels: of the convolutions.
        points: places a camera.
        instruction: its shape.
        cameras: number of views.
    """

    #: What its weights take in.
    pixels = "rgb/127.5-1"
    #: Numbers of a place.
    width = 2

    def __init__(
        self, channels: int, points: int, instruction: InstructionShape, cameras: int
    ) -> None:
        super().__init__()
        self.patches = cameras * points
        self.text = text_layer(instruction, _TOLD)
        self.views = nn.ModuleList(_View(channels, points) for _ in range(cameras))

    def forward(self, images: Tensor, words: Tensor) -> Tensor:
        """One observation's places.

        Args:
            images: `(batch, cameras, height, width, 3)` uint8.
            words: the instruction, in its shape.

        Returns:
            `(batch, cameras * points, 2)`, cameras one after the other.
        """
        told = self.text(words).mean(dim=1)
        pixels = images.permute(1, 0, 4, 2, 3).float() / 127.5 - 1.0
        places = [
            spatial_softmax(view(seen, told)) for view, seen in zip(self.views, pixels, strict=True)
        ]
        return torch.cat(places, dim=1)


class _View(nn.Module):
    """One camera's network, to maps."""

    def __init__(self, channels: int, points: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, _PATCH, stride=_STRIDE, padding=(_PATCH - _STRIDE) // 2)
        self.told = FiLM(_TOLD, channels)
        self.block = nn.Conv2d(channels, channels, 3, padding=1)
        self.maps = nn.Conv2d(channels, points, 1)
        for layer in (self.stem, self.block, self.maps):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, pixels: Tensor, told: Tensor) -> Tensor:
        """`(batch, 3, height, width)`, `(batch, _TOLD)` -> `(batch, points, …, …)`."""
        x = self.stem(pixels).permute(0, 2, 3, 1)
        x = relu(self.told(x, told[:, None, None])).permute(0, 3, 1, 2)
        return self.maps(relu(x + self.block(x)))
