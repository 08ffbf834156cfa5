"""ALOHA's simulated tasks as a suite (Zhao et al. 2023, arXiv 2304.13705; package gym-aloha).

What only demonstrations need (inverse kinematics, the safety filter) is imported by those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vla_core.contract.suite import USUAL, EpisodeTerms
from vla_core.errors import ConfigError
from vla_core.robot.description import RobotDescription
from vla_core.robot.model import RobotModel
from vla_core.suites.aloha.scene import AlohaScene
from vla_core.suites.aloha.tasks import TASKS
from vla_core.suites.aloha.world import CAMERAS

if TYPE_CHECKING:
    from vla_core.suites.aloha.demonstrations import AlohaDemonstrator

_ARM = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper")
#: What its robot's joints are called, in any order.
JOINTS = frozenset(f"{side}_{joint}" for side in ("left", "right") for joint in _ARM)


class AlohaSuite:
    """Transfer of a cube and insertion of a peg by two arms, shown by the scripted expert."""

    tasks = tuple(task.told for task in TASKS)
    cameras = CAMERAS
    shifts = (USUAL,)
    robot = "aloha"
    rate_hz = 50.0
    terms = EpisodeTerms(time_limit_s=8.0)  # 400 steps at 50 Hz, as published

    def check_robot(self, robot: RobotDescription) -> None:
        """Two ViperX arms, `left` and `right`, with a camera on each wrist and one beside them."""
        if (names := {joint.name for joint in robot.joints}) != JOINTS:
            raise ConfigError(
                f"robot {robot.name}",
                f"has joints {', '.join(sorted(names - JOINTS)) or 'too few'}; suite aloha needs "
                f"{', '.join(sorted(JOINTS))}",
            )
        if set(robot.end_effectors) != {"left", "right"}:
            raise ConfigError(
                f"robot {robot.name}", "suite aloha needs end effectors left and right"
            )
        if missing := [name for name in CAMERAS if name not in robot.cameras]:
            raise ConfigError(
                f"robot {robot.name}",
                f"has no camera {', '.join(missing)}, which suite aloha needs",
            )
        if unplaced := [name for name in CAMERAS if robot.cameras[name].frame is None]:
            raise ConfigError(
                f"robot {robot.name}", f"does not say where cameras {', '.join(unplaced)} are"
            )

    def scene(self, robot: RobotModel, shift: str = USUAL) -> AlohaScene:
        """A table; the seed chooses the task, too."""
        return AlohaScene(robot)

    def exemplar(self, scene: AlohaScene) -> Callable[[], Iterator[None]]:
        """The scripted expert, through limits and filter."""
        from vla_core.safety.command_safety import CommandSafety
        from vla_core.suites.aloha.demonstrations import attempt

        return partial(attempt, scene, CommandSafety.of(scene.robot))

    def demonstrator(
        self,
        robot: RobotModel,
        image_size: int | None = None,
        cameras: Sequence[str] | None = None,
    ) -> AlohaDemonstrator:
        """The scripted expert; it shows no recoveries."""
        from vla_core.suites.aloha.demonstrations import AlohaDemonstrator

        return AlohaDemonstrator(robot, image_size, cameras or CAMERAS)

    def label_scenes(
        self,
        folder: Path,
        robot: str,
        poses: np.ndarray,
        scenes: int,
        image_size: int,
        cameras: Sequence[str],
    ) -> None:
        """Random scenes of both tasks, with the simulator's truth about where things are."""
        from vla_core.suites.aloha.random_scenes import RandomAlohaScenes
        from vla_core.suites.labelling import label

        label(folder, partial(RandomAlohaScenes, robot, poses, image_size, cameras), scenes)
