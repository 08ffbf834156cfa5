"""A policy that an operator has reason to help."""

from __future__ import annotations

from toy_systems import STEP_S, ToySystem1, ToySystem2

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.robot.model import RobotModel

HORIZON = 12


class Standing(ToySystem2, ToySystem1):
    """Both systems of a policy that wants to stay where it was when it looked first."""

    def __init__(self, robot: RobotModel) -> None:
        self.robot = robot
        super().__init__(
            PolicyManifest(
                "standing", "fake", robot.name, robot.joint_names,
                ObservationSpec((CameraSpec("head", 4, 4),)), STEP_S, HORIZON,
            )  # fmt: skip
        )
