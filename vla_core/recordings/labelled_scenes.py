"""Pictures with the truth about where things are."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class LabelledScenes:
    """Pictures of `n` scenes and where each object is.

    Attributes:
        images: `(n, cameras, size, size, 3)` uint8.
        pixels: `(n, cameras, objects, 2)` x, y of each object's centre, 0..1 of the picture.
        positions: `(n, objects, 3)` in the base frame [m].
    """

    images: np.ndarray
    pixels: np.ndarray
    positions: np.ndarray

    @classmethod
    def load(cls, folder: Path) -> LabelledScenes:
        """All files of a folder, one after the other."""
        files = [np.load(path) for path in sorted(folder.glob("*.npz"))]
        return cls(*(np.concatenate([f[field.name] for f in files]) for field in fields(cls)))
