"""Pictures with the truth about where things are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class LabelledScenes:
    """Pictures of `n` scenes and where each object is.

    Attributes:
        images: `(n, cameras, size, size, 3)` uint8.
        pixels: `(n, cameras, objects, 2)` x, y of each object's centre, 0..1 of the picture;
            outside of that, or nan, where it is not in the picture.
        positions: `(n, cameras, objects, 3)` [m], in the base frame for a camera that stands still,
            in its own for one that moves with an arm: of where that is a picture tells nothing.
    """

    images: np.ndarray
    pixels: np.ndarray
    positions: np.ndarray

    @classmethod
    def load(cls, folder: Path) -> LabelledScenes:
        """All files of a folder, one after the other."""
        return cls.joined(cls(**np.load(path)) for path in sorted(folder.glob("*.npz")))

    @classmethod
    def joined(cls, parts: Iterable[LabelledScenes]) -> LabelledScenes:
        """One after the other."""
        each = list(parts)
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in each]) for name in names))

    def save(self, path: Path) -> None:
        """Write a file whole or not at all."""
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, **asdict(self))
        part.rename(path)
