"""Where the foresight differs from what is seen now: the intent made visible."""

from __future__ import annotations

import numpy as np

from vla_core.errors import VlaError


def change_maps(foresight: np.ndarray, current: np.ndarray, cameras: int) -> np.ndarray:
    """Cosine distance between predicted and current features, patch by patch.

    `1 - <f, c> / (|f| |c|)`: 0 where nothing shall change, 1 where the features are unrelated.

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
    side = round((len(foresight) / cameras) ** 0.5)
    if cameras * side * side != len(foresight):
        raise VlaError(f"got {len(foresight)} patches, expected {cameras} square grids")
    a, b = foresight.astype(np.float32), current.astype(np.float32)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    distance = 1.0 - (a * b).sum(axis=1) / np.maximum(norms, 1e-6)
    return distance.reshape(cameras, side, side)
