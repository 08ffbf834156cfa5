"""Joint targets for the Panda, by robosuite's JOINT_POSITION, stiffer than its default.

Seven joints [rad] and how far the gripper is open, 0 to 1. The default (kp 50, 0.05 rad a step from
where the joints are) moves by 0.18 rad/s at most; here a target is followed wherever it is, and
what limits the motion comes before.
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from robosuite.controllers import load_controller_config

from libero_scene.end_effector_control import rotation_vector
from libero_scene.goal import Goal
from libero_scene.world import World

#: Stiffness [1/s^2]; a motion is followed 2 / sqrt(KP) behind [s].
KP = 900.0
#: How fast an expert's commanded hand goes at most [m/s] [rad/s].
SPEED, TURNING = 0.3, 1.5
_ARM, _GRIPPER, _FINGER_M = slice(0, 7), 7, 0.04
#: Inverse kinematics by damped least squares: iterations a step, damping.
_ITERATIONS, _DAMPING = 3, 0.02
#: No further than this in one action [rad]: nothing is cut off.
_ANY = 10.0


class JointControl:
    """Between targets and one simulation.

    Attributes:
        rate_hz: targets a second [Hz].
    """

    rate_hz = 50.0

    def __init__(self, world: World) -> None:
        self._world = world
        self._scratch = mujoco.MjData(world.model)
        self._qpos = np.array(world.robot._ref_joint_pos_indexes)
        self._qvel = np.array(world.robot._ref_joint_vel_indexes)
        self._wanted_open = 1.0
        world.robot.gripper.format_action = self._fingers

    @staticmethod
    def controller() -> dict[str, Any]:
        """Robosuite's, so that the numbers are radians and none is cut off."""
        return load_controller_config(default_controller="JOINT_POSITION") | {
            "kp": KP,
            **{f"{side}_max": _ANY for side in ("input", "output")},
            **{f"{side}_min": -_ANY for side in ("input", "output")},
        }

    def waiting(self) -> np.ndarray:
        """What is commanded while things fall: to stay, and to open the gripper."""
        self._world.robot.controller.update(force=True)
        command = self.measured()
        command[_GRIPPER] = 1.0
        return command

    def measured(self) -> np.ndarray:
        """`(8,)`."""
        left, right = self._world.data.qpos[self._world.robot._ref_gripper_joint_pos_indexes]
        return np.array([*self._world.data.qpos[self._qpos], (left - right) / (2 * _FINGER_M)])

    def step(self, command: np.ndarray) -> None:
        """One step of the simulation's control."""
        self._wanted_open = float(np.clip(command[_GRIPPER], 0.0, 1.0))
        away = command[_ARM] - self._world.data.qpos[self._qpos]
        self._world.env.step(np.array([*away, 0.0]))

    def towards(self, goal: Goal, command: np.ndarray) -> np.ndarray:
        """`(8,)` that bring the commanded hand nearer to a goal; what it does is not waited for."""
        joints = command[_ARM].copy()
        place, turned = self._at(joints)
        way, turn = goal.place - place, rotation_vector(goal.turn @ turned.T)
        share = min(
            1.0,
            SPEED / self.rate_hz / max(np.linalg.norm(way), 1e-9),
            TURNING / self.rate_hz / max(np.linalg.norm(turn), 1e-9),
        )
        to, by = place + share * way, share * turn
        about = np.zeros(4)
        mujoco.mju_axisAngle2Quat(about, by / max(np.linalg.norm(by), 1e-9), np.linalg.norm(by))
        matrix = np.zeros(9)
        mujoco.mju_quat2Mat(matrix, about)
        wanted = matrix.reshape(3, 3) @ turned
        for _ in range(_ITERATIONS):
            joints += self._correction(to - place, rotation_vector(wanted @ turned.T))
            place, turned = self._at(joints)
        return np.array([*joints, 0.0 if goal.closed else 1.0])

    def _at(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the site is at `(7,)` joint positions."""
        world, scratch = self._world, self._scratch
        scratch.qpos[:] = world.data.qpos
        scratch.qpos[self._qpos] = joints
        mujoco.mj_kinematics(world.model, scratch)
        mujoco.mj_comPos(world.model, scratch)
        turned = scratch.site_xmat[world.site].reshape(3, 3)
        return scratch.site_xpos[world.site].copy(), turned.copy()

    def _correction(self, way: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """`(7,)` joint steps that bring the site of the scratch so much farther."""
        jacobian = np.zeros((6, self._world.model.nv))
        mujoco.mj_jacSite(
            self._world.model, self._scratch, jacobian[:3], jacobian[3:], self._world.site
        )
        arm = jacobian[:, self._qvel]
        damped = arm @ arm.T + _DAMPING**2 * np.eye(6)
        return arm.T @ np.linalg.solve(damped, np.concatenate([way, turn]))

    def _fingers(self, action: np.ndarray) -> np.ndarray:
        """In place of robosuite's: as fast, but to where they are wanted, and not by a sign."""
        gripper = self._world.robot.gripper
        to = (2.0 * self._wanted_open - 1.0) * np.array([1.0, -1.0])
        step = np.clip(to - gripper.current_action, -gripper.speed, gripper.speed)
        gripper.current_action = np.clip(gripper.current_action + step, -1.0, 1.0)
        return gripper.current_action
