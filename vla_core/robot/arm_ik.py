"""Inverse kinematics of one arm (Pink): the joints that take its grasp frame to a pose."""

from __future__ import annotations

import numpy as np
import pink
import pinocchio as pin

from vla_core.robot.model import RobotModel


class ArmIk:
    """One arm; the robot's other joints stay at zero, so they carry it as in the URDF, until
    `carry` says where they are.

    Args:
        robot: of which.
        side: name of the end effector.
        orientation_cost: weight of the orientation beside 1 for the position [m/rad].
        posture_cost: weight of the posture that it keeps near, of which the hand feels a little
            [m/rad].
        posture_gain: share of its way to that posture that the arm goes in a step, where the hand
            leaves it free.
    """

    def __init__(
        self,
        robot: RobotModel,
        side: str,
        orientation_cost: float,
        posture_cost: float = 1e-2,
        posture_gain: float = 1.0,
    ) -> None:
        effector = robot.end_effectors[side]
        self._indices = robot.group_indices(effector.arm_group)
        self._names = [robot.description.joints[i].urdf_joint for i in self._indices]
        self._full = pin.buildModelFromUrdf(str(robot.urdf))
        self._robot = robot
        self._frame = effector.grasp_frame
        self._hand = pink.tasks.FrameTask(
            self._frame,
            position_cost=1.0,
            orientation_cost=orientation_cost,
            lm_damping=1e-4,
        )
        self._posture = pink.tasks.PostureTask(cost=posture_cost, gain=posture_gain)
        self._reduce(pin.neutral(self._full))
        self._posture.set_target(self._chosen(robot.ready_pose))

    def carry(self, position: np.ndarray) -> None:
        """The robot's other joints are as in `(dof,)` joint positions, and the arm keeps near it."""
        self._reduce(self._robot.pinocchio_position(position))
        self._posture.set_target(self._chosen(position))

    def _reduce(self, reference: np.ndarray) -> None:
        """The arm's own model, all other joints fixed as in a configuration of the whole URDF."""
        full, robot = self._full, self._robot
        locked = [full.getJointId(n) for n in full.names[1:] if n not in self._names]
        self._model = pin.buildReducedModel(full, locked, reference)
        self._order = [self._names.index(n) for n in self._model.names[1:]]
        ends = np.sort([self._chosen(robot.limits.lower), self._chosen(robot.limits.upper)], axis=0)
        self._model.lowerPositionLimit, self._model.upperPositionLimit = ends
        self._configuration = pink.Configuration(
            self._model, self._model.createData(), self._reduced(robot.ready_pose)
        )

    def pose(self, command: np.ndarray) -> pin.SE3:
        """The grasp frame in the base frame at `(dof,)` joint positions."""
        self._configuration.update(self._reduced(command))
        return self._configuration.get_transform_frame_to_world(self._frame).copy()

    def follow(
        self, command: np.ndarray, target: pin.SE3, step_s: float, fastest: float
    ) -> np.ndarray:
        """Joint targets `(dof,)` that take the grasp frame to `target`, or towards it.

        Args:
            command: `(dof,)` where to begin.
            target: pose in the base frame.
            step_s: in how long [s].
            fastest: no joint faster than that [rad/s].
        """
        self._configuration.update(self._reduced(command))
        self._hand.set_target(target)
        velocity = pink.solve_ik(
            self._configuration, [self._hand, self._posture], step_s, solver="daqp"
        )
        moved = self._robot.to_urdf(command)
        moved[self._indices[self._order]] = self._configuration.integrate(velocity, step_s)
        step = self._robot.from_urdf(moved) - command
        return command + step * min(1.0, fastest * step_s / max(np.abs(step).max(), 1e-9))

    def _chosen(self, position: np.ndarray) -> np.ndarray:
        """The arm's joints of `(dof,)` positions, as Pinocchio has them [rad]."""
        return self._robot.to_urdf(position)[self._indices][self._order]

    def _reduced(self, command: np.ndarray) -> np.ndarray:
        low, high = self._model.lowerPositionLimit, self._model.upperPositionLimit
        return np.clip(self._chosen(command), low, high)
