"""Patches of a picture on a coarser grid."""

from __future__ import annotations

from vla_core.inference.arrays import Array


def averaged(features: Array, cameras: int, grid: int) -> Array:
    """Patches averaged to a coarser grid.

    Args:
        features: `(batch, cameras * side * side, width)` of the frozen encoder.
        grid: places a side that are left, a divisor of `side`.

    Returns:
        `(batch, cameras * grid * grid, width)`.
    """
    batch, patches, width = map(int, features.shape)
    side = round((patches / cameras) ** 0.5)
    if side == grid:
        return features
    part = side // grid
    blocks = features.reshape(batch, cameras, grid, part, grid, part, width)
    return blocks.mean(5).mean(3).reshape(batch, -1, width)
