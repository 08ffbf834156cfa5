"""A policy that an operator has reason to help."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from vla_core.contract.manifest import CameraSpec, PolicyManifest
from vla_core.robot.model import RobotModel
from vla_core.types import ActionChunk

HORIZON, STEP_S = 12, 0.1


class Standing:
    """Both systems of a policy that wants to stay where it was when it looked first."""

    def __init__(self, robot: RobotModel) -> None:
        self.robot = robot
        self.manifest = PolicyManifest(
            "standing", "fake", robot.name, robot.joint_names, (CameraSpec("head", 4, 4),),
            STEP_S, HORIZON, 1.2, "f", {}, {}, {},
        )  # fmt: skip

    def intend(self, observation, instruction):
        return SimpleNamespace(sequence=1, observation_stamp_ns=observation.stamp_ns)

    def act(self, observation, intent, rng, plan=None):
        targets = np.tile(observation.position, (HORIZON, 1))
        stamp = observation.stamp_ns
        return ActionChunk(
            1, stamp, 0, 1, intent.observation_stamp_ns, STEP_S, self.robot.joint_names, targets
        )
