"""A policy that an operator has reason to help."""

from __future__ import annotations

import numpy as np

from vla_core.contract.answers import chunk_of, intent_of
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.robot.model import RobotModel

HORIZON, STEP_S = 12, 0.1


class Standing:
    """Both systems of a policy that wants to stay where it was when it looked first."""

    def __init__(self, robot: RobotModel) -> None:
        self.robot = robot
        self.manifest = PolicyManifest(
            "standing", "fake", robot.name, robot.joint_names,
            ObservationSpec((CameraSpec("head", 4, 4),)), STEP_S, HORIZON,
        )  # fmt: skip

    def reset(self, instruction):
        pass

    def intend(self, context, instruction):
        return intent_of(self.manifest, 1, context.observation, instruction, {})

    def act(self, context, intent, rng, plan=None):
        targets = np.tile(context.observation.position, (HORIZON, 1))
        return chunk_of(self.manifest, 1, context.observation, intent, targets)
