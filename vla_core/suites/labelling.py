"""Labelled random scenes, written by several processes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Protocol

import numpy as np

from vla_core.recordings.labelled_scenes import LabelledScenes
from vla_core.suites.in_processes import run_jobs

#: Scenes in a file.
FILE = 500


class RandomScenes(Protocol):
    """Draws scenes and knows where everything in them is."""

    def draw(self, rng: np.random.Generator) -> LabelledScenes:
        """One scene."""

    def close(self) -> None:
        """Free what draws the pictures."""


def label(
    folder: Path, make: Callable[[], RandomScenes], scenes: int, workers: int = 2
) -> None:
    """Fill `folder` with so many scenes; goes on where it was interrupted.

    Args:
        make: called in each process, so it can be pickled.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = [min(FILE, scenes - first) for first in range(0, scenes, FILE)]
    jobs = [(folder / f"{i:04d}.npz", make, i, count) for i, count in enumerate(counts)]
    run_jobs("labelled scenes", scenes, workers, _work, jobs)


def _work(path: Path, make: Callable[[], RandomScenes], seed: int, count: int) -> int:
    if path.exists():
        return count
    rng = np.random.default_rng((seed, 11))
    with closing(make()) as source:
        drawn = LabelledScenes.joined(source.draw(rng) for _ in range(count))
    drawn.save(path)
    return count
