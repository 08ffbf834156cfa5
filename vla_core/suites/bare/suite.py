"""Any described robot as a suite: it holds, moves and stops before its owner plugs it in."""

from __future__ import annotations

from vla_core.contract.suite import USUAL, SuiteTask
from vla_core.robot.description import RobotDescription
from vla_core.robot.model import RobotModel
from vla_core.suites.bare.scene import STAY, BareScene


class BareSuite:
    """One task: to stay in the ready pose."""

    tasks = (SuiteTask(STAY),)
    cameras: tuple[str, ...] = ()
    shifts = (USUAL,)

    def check_robot(self, robot: RobotDescription) -> None:
        """Any robot will do."""

    def cameras_of(self, robot: RobotDescription) -> tuple[str, ...]:
        """All that stand on the robot or beside it."""
        return tuple(name for name, camera in robot.cameras.items() if camera.frame)

    def scene(self, robot: RobotModel, shift: str = USUAL) -> BareScene:
        """The robot in its ready pose."""
        return BareScene(robot)
