"""What a suite of tasks gives a recipe to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np


class TrainingSuite(Protocol):
    """Tasks that somebody can show, and correct a policy in.

    Attributes:
        instructions: everything that is told in it.
        rate_hz: frames a second of what is shown [Hz].
    """

    instructions: tuple[str, ...]
    rate_hz: float

    def demonstrate(self, folder: Path, robot: str, seeds: range, image_size: int) -> None:
        """Fill `folder` with `SEED_PART.npz`, an `Episode` each; goes on where it was interrupted.

        Args:
            image_size: side of the pictures [pixels].
        """

    def label_scenes(
        self, folder: Path, robot: str, poses: np.ndarray, scenes: int, image_size: int
    ) -> None:
        """Fill `folder` with `LabelledScenes`; goes on where it was interrupted.

        Args:
            poses: `(n, dof)` joint positions to draw the robot's poses from [rad].
        """

    def correct(self, folder: Path, policy: Path, seeds: range) -> None:
        """Fill `folder` with what the policy should have done where it went, as `demonstrate`."""
