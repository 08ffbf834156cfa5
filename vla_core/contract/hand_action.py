"""What a network's numbers say of one hand as joint targets of its arm and fingers, and back."""

from __future__ import annotations

import numpy as np
import pinocchio as pin
from pink import PinkError
from qpsolvers.exceptions import QPError

from vla_core.contract.rotations import from_matrix, to_matrix
from vla_core.contract.specification import TOOL, ActionSpec, Reference
from vla_core.robot.arm_ik import ArmIk
from vla_core.robot.model import RobotModel

#: Inverse kinematics of one action: Newton steps at most, and what error is good enough [m, rad].
_STEPS, _CLOSE = 40, 1e-5
#: Of orientation and posture, beside 1 for the position [m/rad].
_ORIENTATION_COST, _POSTURE_COST = 1.0, 1e-4


class HandAction:
    """One end effector's share of an action: position [m], rotation, gripper.

    Args:
        robot: whose hand it is.
        name: of the end effector.
        spec: what the numbers mean.

    Attributes:
        size: numbers of it in an action.
    """

    def __init__(self, robot: RobotModel, name: str, spec: ActionSpec) -> None:
        self._robot, self._name, self._spec = robot, name, spec
        self._effector = robot.end_effectors[name]
        self._fingers = robot.group_indices(self._effector.hand_group)
        self._ik = ArmIk(robot, name, _ORIENTATION_COST, _POSTURE_COST)
        self.size = 3 + spec.rotation.size + (spec.gripper is not None)

    def place(self, actions: np.ndarray, position: np.ndarray, targets: np.ndarray) -> None:
        """Write `(horizon, size)` actions into this arm's and hand's columns of `targets`."""
        self._ik.carry(position)
        start, frame = self._at(position)
        command, before = position.astype(np.float64), start
        for action, target in zip(actions, targets, strict=True):
            turn = to_matrix(action[3 : 3 + self._spec.rotation.size], self._spec.rotation)
            told = pin.SE3(turn, action[:3].astype(np.float64))
            pose = self._in_base(told, frame, start, before)
            command = self._reach(command, pose)
            arm = self._robot.group_indices(self._effector.arm_group)
            target[arm] = command[arm]
            if self._spec.gripper is not None:
                target[self._fingers] = self._closed_by(action[-1])
            before = pose

    def told(self, targets: np.ndarray, position: np.ndarray) -> np.ndarray:
        """`(horizon, size)` actions."""
        start, frame = self._at(position)
        before, rows = start, []
        for target in targets:
            pose, _ = self._at(target)
            told = self._of_base(pose, frame, start, before)
            row = [told.translation, from_matrix(told.rotation, self._spec.rotation)]
            if self._spec.gripper is not None:
                row.append([self._number_of(target[self._fingers])])
            rows.append(np.concatenate(row))
            before = pose
        return np.array(rows).reshape(-1, self.size)

    def _at(self, position: np.ndarray) -> tuple[pin.SE3, pin.SE3]:
        """Hand and frame in the base at `(dof,)` joint positions."""
        named = self._spec.frame
        hand = self._robot.frame_pose(self._effector.grasp_frame, position)
        if named in ("", TOOL):
            return hand, pin.SE3.Identity()
        return hand, self._robot.frame_pose(named, position)

    def _axes(self, frame: pin.SE3, relative_to: pin.SE3) -> np.ndarray:
        """`(3, 3)` axes of relative motions."""
        return relative_to.rotation if self._spec.frame == TOOL else frame.rotation

    def _in_base(
        self, told: pin.SE3, frame: pin.SE3, start: pin.SE3, before: pin.SE3
    ) -> pin.SE3:
        """Pose of the hand in the base: T_f A, or p0 + R_f dp and (R_f dR R_f^T) R0."""
        if self._spec.reference is Reference.ABSOLUTE:
            return frame * told
        origin = start if self._spec.reference is Reference.CHUNK_START else before
        axes = self._axes(frame, origin)
        turned = axes @ told.rotation @ axes.T @ origin.rotation
        return pin.SE3(turned, origin.translation + axes @ told.translation)

    def _of_base(
        self, pose: pin.SE3, frame: pin.SE3, start: pin.SE3, before: pin.SE3
    ) -> pin.SE3:
        """Inverse of `_in_base`."""
        if self._spec.reference is Reference.ABSOLUTE:
            return frame.actInv(pose)
        origin = start if self._spec.reference is Reference.CHUNK_START else before
        axes = self._axes(frame, origin)
        turn = axes.T @ pose.rotation @ origin.rotation.T @ axes
        return pin.SE3(turn, axes.T @ (pose.translation - origin.translation))

    def _reach(self, command: np.ndarray, pose: pin.SE3) -> np.ndarray:
        """`(dof,)` joint positions with the hand at `pose`, or as near as it gets."""
        for _ in range(_STEPS):
            error = pin.log6(self._ik.pose(command).actInv(pose)).vector
            if np.abs(error).max() < _CLOSE:
                break
            try:
                command = self._ik.follow(command, pose, 1.0, np.inf)
            except (PinkError, QPError) as problem:
                where = pose.translation.round(3).tolist()
                raise ValueError(
                    f"inverse kinematics of hand {self._name!r} to {where} m: {problem}"
                ) from problem
        return command

    def _closed_by(self, number: float) -> np.ndarray:
        open_number, closed_number = self._spec.gripper
        return self._effector.fingers((number - open_number) / (closed_number - open_number))

    def _number_of(self, fingers: np.ndarray) -> float:
        open_number, closed_number = self._spec.gripper
        return open_number + self._effector.closed(fingers) * (closed_number - open_number)
