"""Multi-scale residual vector quantisation (VAR, arXiv 2404.02905, algorithms 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from vla_core.policies.f1.resampling import area, as_maps, as_places, linear, resampled

#: Share of the convolution in what is added of a scale.
_SMOOTHED = 0.5


class Smoother(nn.Module):
    """phi: (1 - s) x + s conv(x), which makes a blurry enlargement sharper; s = 1/2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """`(batch, width, side, side)` -> the same shape."""
        return (1.0 - _SMOOTHED) * maps + _SMOOTHED * self.convolution(maps)


class Quantiser(nn.Module):
    """A map as the sum over scales k of phi_k(enlarge(codebook[z_k])), coarse to fine.

    z_k are the codes nearest to the map that the scales before leave over, made smaller to the
    scale's side. All scales share one codebook, neighbouring ones a phi.

    Args:
        codes: entries of the codebook.
        width: of each.
        scales: sides, coarse to fine; the last is the map's own.
        smoothers: how many phi there are.
    """

    def __init__(self, codes: int, width: int, scales: Sequence[int], smoothers: int) -> None:
        super().__init__()
        self.scales = tuple(scales)
        self.codebook = nn.Parameter(torch.randn(codes, width))
        self.smoothers = nn.ModuleList(Smoother(width) for _ in range(smoothers))
        side = self.scales[-1]
        for k, scale in enumerate(self.scales):
            self.register_buffer(f"smaller_{k}", area(side, scale), persistent=False)
            self.register_buffer(f"larger_{k}", linear(scale, side), persistent=False)

    def counts(self, scales: int | None = None) -> list[int]:
        """Codes of each of the first `scales`; None: of all."""
        return [scale**2 for scale in self.scales[:scales]]

    def shrunk(self, maps: Tensor, k: int) -> Tensor:
        """`(batch, width, side, side)` at the places of scale k, `(batch, scale^2, width)`."""
        return as_places(resampled(maps, getattr(self, f"smaller_{k}")))

    def part(self, codes: Tensor, k: int) -> Tensor:
        """phi_k(enlarge(codebook[z_k])) of codes `(batch, scale^2)`, as maps."""
        maps = resampled(as_maps(embedding(codes, self.codebook)), getattr(self, f"larger_{k}"))
        return self.smoothers[k * len(self.smoothers) // len(self.scales)](maps)

    def sums(self, codes: Tensor) -> Iterator[Tensor]:
        """After each scale that there are codes of, the map so far.

        Args:
            codes: `(batch, n)`, scales one after the other.
        """
        total, k, first, last = 0.0, 0, 0, int(codes.shape[1])
        while first < last:
            count = self.scales[k] ** 2
            total = total + self.part(codes[:, first : first + count], k)
            yield total
            k, first = k + 1, first + count

    def map_of(self, codes: Tensor) -> Tensor:
        """The last of `sums`."""
        *_, total = self.sums(codes)
        return total

    def encode(self, maps: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Codes of a map.

        Args:
            maps: `(batch, width, side, side)`.

        Returns:
            `(batch, n)` int64 codes of all scales; and of each scale what was to be coded,
            `(batch, scale^2, width)`, and the map so far.
        """
        codes, asked, sums, left = [], [], [], maps
        for k in range(len(self.scales)):
            asked.append(self.shrunk(left, k))
            codes.append(self.nearest(asked[-1]))
            part = self.part(codes[-1], k)
            left = left - part
            sums.append(sums[-1] + part if sums else part)
        return torch.cat(codes, dim=1), asked, sums

    def nearest(self, asked: Tensor) -> Tensor:
        """`(..., width)` -> `(...)` entries of the codebook, by the squared distance."""
        with torch.no_grad():
            product = asked @ self.codebook.T
            return (product - 0.5 * self.codebook.square().sum(dim=1)).argmax(dim=-1)
