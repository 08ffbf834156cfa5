"""The benchmark's own way to act: steps and turns of the hand, by robosuite's OSC_POSE.

A number of an action is from -1 to 1. 1 is 5 cm along an axis of the world, or a rotation vector's
0.5 rad about one, from where the hand is when the action is given; of the gripper, above 0 closes
and below 0 opens. Thirteen numbers stand for it here: first what is measured (position [m],
rotation vector [rad], how far the gripper is closed, -1 to 1), then the action's steps and turns,
which are measured as 0. Commands to a measured pose are not followed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from robosuite.controllers import load_controller_config
from robosuite.utils import transform_utils

from libero_scene.goal import Goal
from libero_scene.world import World

#: How an expert closes in on a goal: so much more than the whole way a step.
GAIN = 1.5
_DOF, _GRIPPER, _MOVES = 13, 6, slice(7, 13)
_STEP_M, _TURN_RAD, _FINGER_M = 0.05, 0.5, 0.04


class EndEffectorControl:
    """Between those numbers and one simulation.

    Attributes:
        rate_hz: actions a second, the benchmark's [Hz].
    """

    rate_hz = 20.0

    def __init__(self, world: World) -> None:
        self._world = world

    @staticmethod
    def controller() -> dict[str, Any]:
        """As `OffScreenRenderEnv` has it."""
        return load_controller_config(default_controller="OSC_POSE")

    def waiting(self) -> np.ndarray:
        """What is commanded while things fall: nothing, but that the gripper opens."""
        command = self.measured()
        command[_GRIPPER] = -1.0
        return command

    def measured(self) -> np.ndarray:
        """`(13,)`."""
        world = self._world
        turned = world.env.sim.data.get_body_xquat(world.robot.robot_model.eef_name)
        measured = np.zeros(_DOF)
        measured[:3] = world.data.site_xpos[world.site]
        measured[3:6] = transform_utils.quat2axisangle(
            transform_utils.convert_quat(turned, to="xyzw")
        )
        left, right = world.data.qpos[world.robot._ref_gripper_joint_pos_indexes]
        measured[_GRIPPER] = 1.0 - (left - right) / _FINGER_M
        return measured

    def step(self, command: np.ndarray) -> None:
        """One step of the benchmark's."""
        self._world.env.step(np.array([*command[_MOVES], command[_GRIPPER]]))

    def towards(self, goal: Goal, command: np.ndarray) -> np.ndarray:
        """`(13,)` that bring the hand nearer to a goal."""
        world = self._world
        place = world.data.site_xpos[world.site]
        turned = world.data.site_xmat[world.site].reshape(3, 3)
        told = self.measured()
        told[_MOVES] = np.clip(
            GAIN
            * np.concatenate(
                [(goal.place - place) / _STEP_M, rotation_vector(goal.turn @ turned.T) / _TURN_RAD]
            ),
            -1.0,
            1.0,
        )
        told[_GRIPPER] = 1.0 if goal.closed else -1.0
        return told


def rotation_vector(matrix: np.ndarray) -> np.ndarray:
    """`(3,)` [rad] of a rotation matrix."""
    quaternion = transform_utils.mat2quat(matrix)
    return transform_utils.quat2axisangle(quaternion if quaternion[3] >= 0 else -quaternion)
