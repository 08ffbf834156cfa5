"""Convolutions that make a picture small and large again, for tokenisers and autoencoders."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import interpolate, silu

from vla_core.policies.blocks.group_norm import GROUPS


class ResidualBlock(nn.Module):
    """Two convolutions, each after group norm and Swish, added to what comes in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(GROUPS, channels) for _ in range(2))
        self.convolutions = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, channels, side, side)` -> the same shape."""
        mixed = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            mixed = convolution(silu(norm(mixed)))
        return x + mixed


class PictureEncoder(nn.Sequential):
    """Each level halves the side and has its residual blocks.

    Args:
        channels: of each level, the finest first.
        blocks: of each level.
        width: of what goes out.
    """

    def __init__(self, channels: Sequence[int], blocks: int, width: int) -> None:
        parts: list[nn.Module] = []
        for before, after in zip([3, *channels[:-1]], channels, strict=True):
            parts.append(nn.Conv2d(before, after, 4, stride=2, padding=1))
            parts += [ResidualBlock(after) for _ in range(blocks)]
        last = channels[-1]
        super().__init__(*parts, nn.GroupNorm(GROUPS, last), nn.SiLU(), nn.Conv2d(last, width, 1))


class Doubled(nn.Module):
    """A convolution of a map at twice its side."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(before, after, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, before, side, side)` -> `(batch, after, 2 side, 2 side)`."""
        return self.convolution(interpolate(x, scale_factor=2.0, mode="nearest"))


class PictureDecoder(nn.Sequential):
    """Mirror of the encoder; arguments as there."""

    def __init__(self, channels: Sequence[int], blocks: int, width: int) -> None:
        back = list(reversed(channels))
        parts: list[nn.Module] = [nn.Conv2d(width, back[0], 3, padding=1)]
        for level, after in zip(back, [*back[1:], back[-1]], strict=True):
            parts += [ResidualBlock(level) for _ in range(blocks)]
            parts += [nn.GroupNorm(GROUPS, level), nn.SiLU(), Doubled(level, after)]
        super().__init__(*parts, nn.SiLU(), nn.Conv2d(back[-1], 3, 3, padding=1))


def pixels(pictures: Tensor) -> Tensor:
    """`(batch, h, w, 3)` uint8 -> `(batch, 3, h, w)` in -1..1."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def pictures_of(seen: Tensor) -> Tensor:
    """`(batch, 3, h, w)` -> `(batch, h, w, 3)` float in 0..255, the inverse of `pixels`."""
    return (seen.clamp(-1.0, 1.0).permute(0, 2, 3, 1) + 1.0) * 127.5
