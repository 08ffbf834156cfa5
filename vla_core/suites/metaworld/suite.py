"""MetaWorld as a suite (Yu et al. 2019, arXiv 1910.10897), in an environment of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vla_core.contract.suite import USUAL
from vla_core.errors import ConfigError
from vla_core.robot.description import RobotDescription
from vla_core.robot.model import RobotModel
from vla_core.suites.metaworld.tasks import MT10, MT50, TASKS
from vla_core.suites.metaworld.terms import STEP_S, TERMS
from vla_core.suites.process.environment import SuiteEnvironment
from vla_core.suites.process.paraphrased_scene import ParaphrasedScene
from vla_core.suites.process.suite_process import SuiteProcess

if TYPE_CHECKING:
    from vla_core.suites.metaworld.demonstrations import MetaWorldDemonstrator

#: Tasks told in other words; objects and goals at LeRobot's places.
PARAPHRASE, FIXED_PLACES = "paraphrase", "fixed_places"
#: What is commanded, in this order.
AXES = ("hand_x", "hand_y", "hand_z", "gripper")
_HERE = Path(__file__).parent


class MetaWorldSuite:
    """Some of the benchmark's tasks.

    Args:
        name: the suite's.
        names: the benchmark's names of its tasks.
    """

    cameras = ("front", "side", "wrist")
    shifts = (USUAL, PARAPHRASE, FIXED_PLACES)
    robot = "metaworld_hand"
    rate_hz = 20.0
    terms = TERMS

    def __init__(self, name: str, names: tuple[str, ...]) -> None:
        self._names = names
        self.tasks = tuple(TASKS[each] for each in names)
        self.process = SuiteProcess(
            name,
            "metaworld_scene.hand_scene:open_scene",
            packages=(_HERE / "metaworld_scene",),
            environment=SuiteEnvironment(
                "metaworld", _HERE / "requirements.txt", ("3.11", "3.12", "3.13")
            ),
        )

    def check_robot(self, robot: RobotDescription) -> None:
        """The benchmark's hand, with the cameras that see it."""
        if robot.joint_names != AXES:
            raise ConfigError(
                f"robot {robot.name}",
                f"has joints {', '.join(robot.joint_names)}; suite {self.process.name} needs "
                f"{', '.join(AXES)}, as {self.robot} has them",
            )
        if missing := [name for name in self.cameras if name not in robot.cameras]:
            raise ConfigError(
                f"robot {robot.name}",
                f"has no camera {', '.join(missing)}, which suite {self.process.name} needs",
            )

    def scene(self, robot: RobotModel, shift: str = USUAL) -> ParaphrasedScene:
        """The benchmark's table; tasks take turns, by seed."""
        options = {
            "tasks": self._names,
            "cameras": {name: robot.cameras[name].size(True) for name in self.cameras},
            "fixed": shift == FIXED_PLACES,
        }
        return ParaphrasedScene(self.process, robot, self.tasks, options, shift == PARAPHRASE)

    def exemplar(self, scene: ParaphrasedScene) -> Callable[[], Iterator[None]]:
        """The benchmark's oracles."""
        return partial(scene.play_advised, STEP_S)

    def demonstrator(
        self,
        robot: RobotModel,
        image_size: int | None = None,
        cameras: Sequence[str] | None = None,
    ) -> MetaWorldDemonstrator:
        """The benchmark's oracles."""
        from vla_core.suites.metaworld.demonstrations import MetaWorldDemonstrator

        return MetaWorldDemonstrator(self.scene(robot), self.tasks, cameras or self.cameras, image_size)


class MetaWorldTen(MetaWorldSuite):
    """MT10."""

    def __init__(self) -> None:
        super().__init__("metaworld", MT10)


class MetaWorldFifty(MetaWorldSuite):
    """MT50."""

    def __init__(self) -> None:
        super().__init__("metaworld_mt50", MT50)
