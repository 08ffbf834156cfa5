"""The table as a suite.

What only some of its abilities need (inverse kinematics, the safety filter) is imported by those:
the simulated robot starts without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vla_core.contract.suite import USUAL, EpisodeTerms, SuiteTask
from vla_core.errors import ConfigError
from vla_core.robot.description import RobotDescription
from vla_core.robot.model import RobotModel
from vla_core.robot.mujoco_model import require_urdf_joints
from vla_core.suites.tabletop.layout import TASKS
from vla_core.suites.tabletop.shift import SHIFTS
from vla_core.suites.tabletop.shifted_table import ShiftedTable
from vla_core.suites.tabletop.tabletop import CAMERAS, RATE_HZ, TabletopSim
from vla_core.suites.tabletop.trouble import TroubleWatch

if TYPE_CHECKING:
    from vla_core.suites.tabletop.demonstrations import TabletopDemonstrator
    from vla_core.suites.tabletop.expert import Expert

#: The operator's hand comes nearer than a demonstration's, where a block has moved farther away than
#: theirs lay [1/s].
OPERATOR_GAIN = 6.0


class TabletopSuite:
    """Blocks onto pads, shown by the scripted expert; offers everything that a suite may."""

    tasks = tuple(SuiteTask(task.instruction) for task in TASKS)
    cameras = CAMERAS
    moving = tuple(name for name, shift in SHIFTS.items() if shift.moves)
    shifts = tuple(SHIFTS)
    robot = "g1_inspire"
    rate_hz = RATE_HZ

    def check_robot(self, robot: RobotDescription) -> None:
        """Any with hands `left` and `right`, a camera `head` on it, and the URDF's joints."""
        require_urdf_joints(robot)
        if set(robot.end_effectors) != {"left", "right"}:
            raise ConfigError(
                f"robot {robot.name}", f"has end effectors {', '.join(robot.end_effectors)}; the "
                "table needs left and right"
            )  # fmt: skip
        if "head" not in robot.cameras or not robot.cameras["head"].frame:
            raise ConfigError(f"robot {robot.name}", "has no camera head with a frame, which the table needs")

    def terms_in(self, shift: str) -> EpisodeTerms:
        """The usual ones; more time where there is more to do."""
        return SHIFTS[shift].terms

    def scene(self, robot: RobotModel, shift: str = USUAL) -> ShiftedTable:
        """A table."""
        return ShiftedTable(robot, SHIFTS[shift])

    def demonstrator(
        self,
        robot: RobotModel,
        image_size: int | None = None,
        cameras: Sequence[str] | None = None,
    ) -> TabletopDemonstrator:
        """The scripted expert, recoveries included."""
        from vla_core.suites.tabletop.demonstrations import TabletopDemonstrator

        return TabletopDemonstrator(robot, image_size, cameras or CAMERAS)

    def deep_demonstrator(
        self,
        robot: RobotModel,
        image_size: int | None = None,
        cameras: Sequence[str] | None = None,
    ) -> TabletopDemonstrator:
        """The same, with depth."""
        from vla_core.suites.tabletop.demonstrations import TabletopDemonstrator

        return TabletopDemonstrator(robot, image_size, cameras or CAMERAS, deep=True)

    def exemplar(self, scene: TabletopSim) -> Callable[[], Iterator[None]]:
        """The scripted expert, through limits and filter."""
        from vla_core.safety.command_safety import CommandSafety
        from vla_core.suites.tabletop.attempt import attempt
        from vla_core.suites.tabletop.expert import GAIN

        return partial(attempt, scene, _expert(scene, GAIN), CommandSafety.of(scene.robot))

    def label_scenes(
        self,
        folder: Path,
        robot: str,
        poses: np.ndarray,
        scenes: int,
        image_size: int,
        cameras: Sequence[str],
    ) -> None:
        """Random scenes, with the simulator's truth about where things are."""
        from vla_core.suites.labelling import label
        from vla_core.suites.tabletop.random_scenes import RandomTables

        label(folder, partial(RandomTables, robot, poses, image_size, cameras), scenes)

    def show_hands(self, folder: Path, robot: str, videos: int, image_size: int) -> None:
        """By the scripted expert with hands of skin, on tables of their own."""
        from vla_core.suites.tabletop import hand_videos

        hand_videos.generate(folder, robot, videos, image_size)

    def correct(self, folder: Path, policy: Path, seeds: range) -> None:
        """By the scripted expert, where the policy went."""
        from vla_core.suites.tabletop import corrections

        corrections.generate(folder, policy, seeds)

    def expert(self, scene: TabletopSim) -> Expert:
        """The scripted one."""
        return _expert(scene, OPERATOR_GAIN)

    def watch(self, scene: TabletopSim) -> TroubleWatch:
        """By what a person at the table would see."""
        return TroubleWatch(scene)


def _expert(scene: TabletopSim, gain: float) -> Expert:
    from vla_core.suites.tabletop.expert import Expert
    from vla_core.suites.tabletop.shifted_expert import ShiftedExpert

    shifted = isinstance(scene, ShiftedTable) and (scene.shift.is_staged or scene.shift.belt)
    return (ShiftedExpert if shifted else Expert)(scene, gain)
