"""Latent frames as tokens: squares of places, views side by side."""

from __future__ import annotations

from torch import Tensor


def side_by_side(maps: Tensor) -> Tensor:
    """`(..., cameras, channels, side, side)` -> `(..., channels, side, cameras * side)`."""
    return maps.transpose(-4, -3).transpose(-3, -2).flatten(-2)


def views_of(maps: Tensor, cameras: int) -> Tensor:
    """Inverse of `side_by_side`."""
    return maps.unflatten(-1, (cameras, -1)).transpose(-3, -2).transpose(-4, -3)


def patched(maps: Tensor, patch: int) -> Tensor:
    """`(..., channels, height, width)` -> `(..., tokens, channels * patch * patch)`, row by row."""
    parts = maps.unflatten(-1, (-1, patch)).unflatten(-3, (-1, patch))
    # (..., channels, rows, patch, columns, patch) to (..., rows, columns, channels, patch, patch)
    squares = parts.transpose(-5, -4).transpose(-3, -2).transpose(-4, -3)
    return squares.flatten(-3).flatten(-3, -2)


def unpatched(tokens: Tensor, patch: int, rows: int) -> Tensor:
    """Inverse of `patched`; `rows` of tokens."""
    parts = tokens.unflatten(-1, (-1, patch, patch)).unflatten(-4, (rows, -1))
    lines = parts.transpose(-4, -3).transpose(-3, -2).transpose(-5, -4)
    return lines.flatten(-2).flatten(-3, -2)
