"""LIBERO as suites (Liu et al. 2023, arXiv 2306.03310), in an environment of their own.

Each of the benchmark's five is there twice: with its own actions, as published rows are, and with
joint targets for a Panda.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vla_core.contract.abilities import PaperRow
from vla_core.contract.suite import USUAL
from vla_core.errors import ConfigError
from vla_core.robot.description import RobotDescription
from vla_core.robot.model import RobotModel
from vla_core.suites.libero.papers import paper_rows
from vla_core.suites.libero.tasks import TASKS
from vla_core.suites.libero.terms import STEP_S, joint_terms, own_terms
from vla_core.suites.process.environment import SuiteEnvironment
from vla_core.suites.process.paraphrased_scene import ParaphrasedScene
from vla_core.suites.process.suite_process import SuiteProcess

if TYPE_CHECKING:
    from vla_core.suites.libero.demonstrations import LiberoDemonstrator

#: Told in LIBERO-PRO's words; things where the benchmark's tasks say that they may be, in place of
#: its initial states; pictures left for right, as published policies are shown them.
PARAPHRASE, NEW_PLACES, MIRRORED = "paraphrase", "new_places", "mirrored"
#: What the hand's robot measures, and what is commanded to it; in this order.
MEASURED = ("hand_x", "hand_y", "hand_z", "hand_rx", "hand_ry", "hand_rz")
ACTION = ("step_x", "step_y", "step_z", "turn_x", "turn_y", "turn_z", "gripper")
HAND = (*MEASURED, "gripper", *ACTION[:-1])
PANDA = (*(f"joint{number}" for number in range(1, 8)), "gripper")
_HERE = Path(__file__).parent


class LiberoSuite:
    """One of the benchmark's suites, in one of the two ways to act.

    Args:
        folder: the benchmark's name of it.
        joints: whether joints are commanded.
    """

    cameras = ("front", "wrist")

    def __init__(self, folder: str, joints: bool = False) -> None:
        self._folder, self._joints = folder, joints
        self.tasks = tuple(TASKS[folder].values())
        told_otherwise = all(task.paraphrases for task in self.tasks)
        self.shifts = (USUAL, *((PARAPHRASE,) if told_otherwise else ()), NEW_PLACES, MIRRORED)
        self.terms = (joint_terms if joints else own_terms)(folder)
        self.robot = "panda" if joints else "libero_hand"
        self.process = SuiteProcess(
            f"{folder}_joints" if joints else folder,
            "libero_scene.arm_scene:open_scene",
            packages=(_HERE / "libero_scene",),
            environment=SuiteEnvironment("libero", _HERE / "requirements.txt", ("3.11", "3.10")),
            start_s=600.0,
            answer_s=300.0,
        )

    def check_robot(self, robot: RobotDescription) -> None:
        """The hand or the arm that its actions are for, with the cameras that see it."""
        expected = PANDA if self._joints else HAND
        if robot.joint_names != expected:
            raise ConfigError(
                f"robot {robot.name}",
                f"has joints {', '.join(robot.joint_names)}; suite {self.process.name} needs "
                f"{', '.join(expected)}, as {self.robot} has them",
            )
        if missing := [name for name in self.cameras if name not in robot.cameras]:
            raise ConfigError(
                f"robot {robot.name}",
                f"has no camera {', '.join(missing)}, which suite {self.process.name} needs",
            )

    def paper_rows(self, shift: str) -> tuple[PaperRow, ...]:
        """Of the benchmark's own actions from its initial states, told in its words."""
        alike = not self._joints and shift in (USUAL, MIRRORED)
        return paper_rows(self._folder) if alike else ()

    def scene(self, robot: RobotModel, shift: str = USUAL) -> ParaphrasedScene:
        """The benchmark's scenes; tasks take turns by seed, and initial states within a task."""
        options = {
            "folder": self._folder,
            "tasks": list(TASKS[self._folder]),
            "instructions": [task.instruction.text for task in self.tasks],
            "cameras": {name: robot.cameras[name].size(True) for name in self.cameras},
            "joints": self._joints,
            "official": shift != NEW_PLACES,
            "mirrored": shift == MIRRORED,
        }
        return ParaphrasedScene(self.process, robot, self.tasks, options, shift == PARAPHRASE)


class ShownLiberoSuite(LiberoSuite):
    """One whose tasks are shown, by oracles: LIBERO-Object, in the benchmark's own actions."""

    rate_hz = 20.0

    def __init__(self) -> None:
        super().__init__("libero_object")

    def exemplar(self, scene: ParaphrasedScene) -> Callable[[], Iterator[None]]:
        """The oracles."""
        return partial(scene.play_advised, STEP_S)

    def demonstrator(
        self,
        robot: RobotModel,
        image_size: int | None = None,
        cameras: Sequence[str] | None = None,
    ) -> LiberoDemonstrator:
        """The oracles, where things are at new places: initial states are for judging."""
        from vla_core.suites.libero.demonstrations import LiberoDemonstrator

        scene = self.scene(robot, NEW_PLACES)
        return LiberoDemonstrator(scene, self.tasks, cameras or self.cameras, image_size)


#: Made without arguments, as the registry does it.
SPATIAL, GOAL, TEN, NINETY = (
    partial(LiberoSuite, f"libero_{folder}") for folder in ("spatial", "goal", "10", "90")
)
SPATIAL_JOINTS, OBJECT_JOINTS, GOAL_JOINTS, TEN_JOINTS, NINETY_JOINTS = (
    partial(LiberoSuite, f"libero_{folder}", True)
    for folder in ("spatial", "object", "goal", "10", "90")
)
