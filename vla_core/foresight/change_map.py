"""Where the foresight differs from what is seen now: the intent made visible."""

from __future__ import annotations

from functools import cache

import cv2
import matplotlib
import numpy as np

from vla_core.errors import VlaError

_COLOURS = "inferno"


def change_maps(foresight: np.ndarray, current: np.ndarray, cameras: int) -> np.ndarray:
    """Cosine distance between predicted and current features, camera by camera.

    Args:
        foresight: `(patches, width)` predicted features, the cameras' patches one after the other.
        current: the same of the present image.
        cameras: number of cameras; each has a square grid of patches.

    Returns:
        `(cameras, side, side)` float32.

    Raises:
        VlaError: the shapes differ or are no square grids.
    """
    if foresight.shape != current.shape or foresight.ndim != 2:
        raise VlaError(
            f"foresight has shape {foresight.shape}, current features {current.shape}; "
            "expected the same (patches, width)"
        )
    return grids(cosine_distance(foresight, current), cameras)


def cosine_distance(features: np.ndarray, others: np.ndarray) -> np.ndarray:
    """`1 - <f, c> / (|f| |c|)`: 0 where nothing changes, 1 where the features are unrelated.

    Args:
        features, others: `(patches, width)`.

    Returns:
        `(patches,)` float32.
    """
    a, b = features.astype(np.float32), others.astype(np.float32)
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return 1.0 - (a * b).sum(axis=-1) / np.maximum(norms, 1e-12)


def grids(patches: np.ndarray, cameras: int) -> np.ndarray:
    """What belongs to patches, `(patches, ...)`, as `(cameras, side, side, ...)`.

    Raises:
        VlaError: the patches are no square grids.
    """
    side = round((len(patches) / cameras) ** 0.5)
    if cameras * side * side != len(patches):
        raise VlaError(f"got {len(patches)} patches, expected {cameras} square grids")
    return patches.reshape(cameras, side, side, *patches.shape[1:])


def overlay(picture: np.ndarray, heat: np.ndarray | None, ceiling: float) -> np.ndarray:
    """A picture in grey, coloured where change is foreseen.

    Args:
        picture: `(height, width, 3)` uint8 RGB.
        heat: `(side, side)` of its change map; None colours nothing.
        ceiling: distance that gets the brightest colour.

    Returns:
        As `picture`.
    """
    height, width = picture.shape[:2]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, axis=2)
    grey = (0.75 * grey + 20).astype(np.float32)
    if heat is None:
        return grey.astype(np.uint8)
    level = np.clip(heat / ceiling, 0.0, 1.0).astype(np.float32)
    level = cv2.resize(level, (width, height), interpolation=cv2.INTER_LINEAR)
    colours = _lookup()[(255 * level).astype(np.uint8)]
    share = np.sqrt(level)[..., None] * 0.85
    return ((1.0 - share) * grey + share * colours).astype(np.uint8)


@cache
def _lookup() -> np.ndarray:
    """`(256, 3)` float32 colours of the heat map."""
    return 255.0 * matplotlib.colormaps[_COLOURS](np.arange(256))[:, :3].astype(np.float32)
