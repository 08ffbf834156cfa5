"""Square maps made smaller and larger by products with matrices, on every runtime alike."""

from __future__ import annotations

import torch
from torch import Tensor


def area(side: int, smaller: int) -> Tensor:
    """`(smaller, side)`: each new place is the mean of what it covers, parts of places in part."""
    edges = torch.arange(smaller + 1) * (side / smaller)
    low, high = edges[:-1, None], edges[1:, None]
    place = torch.arange(side)
    covered = (torch.minimum(high, place + 1.0) - torch.maximum(low, place + 0.0)).clamp(min=0.0)
    return covered * (smaller / side)


def linear(side: int, larger: int) -> Tensor:
    """`(larger, side)`: between places' centres linearly, beyond the outermost as there."""
    centre = (torch.arange(larger) + 0.5) * (side / larger) - 0.5
    distance = (centre.clamp(0.0, side - 1.0)[:, None] - torch.arange(side)).abs()
    return (1.0 - distance).clamp(min=0.0)


def resampled(maps: Tensor, matrix: Tensor) -> Tensor:
    """`(batch, channels, side, side)` by a `(new, side)` matrix -> `(..., new, new)`."""
    return matrix @ maps @ matrix.T


def as_places(maps: Tensor) -> Tensor:
    """`(batch, channels, side, side)` -> `(batch, side * side, channels)`, row by row."""
    return maps.flatten(2).transpose(1, 2)


def as_maps(places: Tensor) -> Tensor:
    """Inverse of `as_places`."""
    side = round(int(places.shape[1]) ** 0.5)
    return places.transpose(1, 2).unflatten(-1, (side, side))
