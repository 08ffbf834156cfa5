"""The table as a suite."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vla_core.suites.tabletop import corrections, demonstrations, random_scenes
from vla_core.suites.tabletop.layout import TASKS


class TabletopSuite:
    """A `TrainingSuite`: blocks onto pads, shown by the scripted expert."""

    instructions = tuple(task.instruction.text for task in TASKS)
    rate_hz = demonstrations.RATE_HZ

    def demonstrate(self, folder: Path, robot: str, seeds: range, image_size: int) -> None:
        """By the scripted expert, recoveries included."""
        demonstrations.generate(folder, robot, seeds, image_size)

    def label_scenes(
        self, folder: Path, robot: str, poses: np.ndarray, scenes: int, image_size: int
    ) -> None:
        """Random scenes, with the simulator's truth about where things are."""
        random_scenes.generate(folder, robot, poses, scenes, image_size)

    def correct(self, folder: Path, policy: Path, seeds: range) -> None:
        """By the scripted expert, where the policy went."""
        corrections.generate(folder, policy, seeds)
