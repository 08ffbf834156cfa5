"""Patches of a picture as places in the base frame, by depth, intrinsics and the camera's pose."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from vla_core.errors import ObservationError
from vla_core.policies.openhelix.hands import positions_of
from vla_core.types import Observation


def lifted(depth: np.ndarray, intrinsics: np.ndarray, pose: np.ndarray, grid: int) -> np.ndarray:
    """Where patches are: the mean of what was measured in each, NaN where nothing was.

    Args:
        depth: `(..., h, w)` along the optical axis [m], NaN where nothing was measured.
        intrinsics: `(3, 3)` of these pictures; pixels' centres are whole numbers.
        pose: `(..., 4, 4)` of the optical frame in the base frame.
        grid: patches a side, a divisor of both sides.

    Returns:
        `(..., grid * grid, 3)` float32 [m].
    """
    height, width = depth.shape[-2:]
    column, row = np.meshgrid(np.arange(width), np.arange(height))
    pixels = np.stack([column, row, np.ones_like(row)], axis=-1)
    rays = (pixels @ np.linalg.inv(intrinsics).T).astype(np.float32)
    seen = np.isfinite(depth)
    points = np.where(seen, depth, 0.0)[..., None] * rays
    count = _patches(seen[..., None].astype(np.float32), grid)
    with np.errstate(invalid="ignore"):
        mean = _patches(points, grid) / count
    turned = mean @ np.swapaxes(pose[..., :3, :3], -1, -2)
    return (turned + pose[..., None, :3, 3]).astype(np.float32)


def places(observation: Observation, cameras: Iterable[str], grid: int) -> np.ndarray:
    """`(cameras * grid * grid, 3)` float32 of an observation, cameras one after the other.

    Raises:
        ObservationError: it lacks a camera's depth or geometry.
    """
    found = []
    for camera in cameras:
        parts = {
            "depth": observation.depth.get(camera),
            "intrinsics": observation.intrinsics.get(camera),
            "pose": observation.camera_poses.get(camera),
        }
        if missing := [name for name, part in parts.items() if part is None]:
            raise ObservationError(f"camera {camera!r}: got no {', '.join(missing)}")
        found.append(lifted(**parts, grid=grid))
    return np.concatenate(found)


def with_hands(places: np.ndarray, hands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where patches and hands are, and which have a place.

    Args:
        places: `(..., patches, 3)`, NaN where there is none.
        hands: `(..., hands * 10)`.

    Returns:
        `(..., patches + hands, 3)` float32 without NaN, and `(..., patches + hands)` bool.
    """
    where = np.concatenate([places, positions_of(hands)], axis=-2).astype(np.float32)
    return np.nan_to_num(where), np.isfinite(where).all(axis=-1)


def _patches(values: np.ndarray, grid: int) -> np.ndarray:
    """`(..., h, w, n)` -> `(..., grid * grid, n)`, the sums of patches."""
    *rest, height, width, numbers = values.shape
    parts = values.reshape(*rest, grid, height // grid, grid, width // grid, numbers)
    return parts.sum(axis=(-2, -4)).reshape(*rest, grid * grid, numbers)
