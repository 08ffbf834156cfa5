"""What a network's actions say as joint targets, and joint targets as it says them."""

from __future__ import annotations

import numpy as np
import pinocchio as pin
from pink import PinkError
from qpsolvers.exceptions import QPError

from vla_core.contract.rotations import from_matrix, to_matrix
from vla_core.contract.specification import TOOL, ActionSpace, ActionSpec, Reference
from vla_core.errors import PolicyError
from vla_core.robot.arm_ik import ArmIk
from vla_core.robot.model import RobotModel

#: Inverse kinematics of one action: Newton steps at most, and what error is good enough [m, rad].
_STEPS, _CLOSE = 40, 1e-5
#: Of orientation and posture, beside 1 for the position [m/rad].
_ORIENTATION_COST, _POSTURE_COST = 1.0, 1e-4


class ActionConverter:
    """Both ways, for one robot.

    A hand that cannot reach a pose goes as near as it can. Joints that an action does not place stay
    where they are at the observation.

    Args:
        robot: whose joints they become.
        spec: what the numbers mean.
        source: the policy, for messages.

    Attributes:
        size: numbers in an action.

    Raises:
        PolicyError: the robot has no such joint, end effector or frame.
    """

    def __init__(self, robot: RobotModel, spec: ActionSpec, source: str) -> None:
        self._robot, self._spec = robot, spec
        of_joints = spec.space is ActionSpace.JOINT
        there = robot.joint_names if of_joints else tuple(robot.end_effectors)
        self._names = spec.names or there
        if unknown := [name for name in self._names if name not in there]:
            raise PolicyError(
                source,
                f"action.names: robot {robot.name!r} has no {', '.join(unknown)}; there are "
                f"{', '.join(there)}",
            )
        if of_joints:
            self._columns = [robot.index(name) for name in self._names]
            self.size = len(self._names)
            return
        if spec.frame not in ("", TOOL) and not robot.has_frame(spec.frame):
            raise PolicyError(source, f"action.frame: robot {robot.name!r} has no link {spec.frame!r}")
        self._hands = [_Hand(robot, name, spec) for name in self._names]
        self.size = len(self._names) * self._hands[0].size

    def to_joints(self, actions: np.ndarray, position: np.ndarray) -> np.ndarray:
        """`(horizon, dof)` joint targets.

        Args:
            actions: `(horizon, size)`.
            position: `(dof,)` joint positions at the observation.

        Raises:
            ValueError: not so many numbers, not finite, no rotation, or inverse kinematics fails.
        """
        if actions.ndim != 2 or actions.shape[1] != self.size:
            raise ValueError(f"got actions {actions.shape}, expected (horizon, {self.size})")
        if not np.isfinite(actions).all():
            raise ValueError("got actions that are not finite")
        targets = np.tile(position.astype(np.float64), (len(actions), 1))
        if self._spec.space is ActionSpace.END_EFFECTOR:
            each = self._hands[0].size
            for place, hand in enumerate(self._hands):
                hand.place(actions[:, place * each : (place + 1) * each], position, targets)
            return targets
        start = position[self._columns]
        targets[:, self._columns] = {
            Reference.ABSOLUTE: lambda: actions,
            Reference.CHUNK_START: lambda: start + actions,
            Reference.PREVIOUS_STEP: lambda: start + np.cumsum(actions, axis=0),
        }[self._spec.reference]()
        return targets

    def from_joints(self, targets: np.ndarray, position: np.ndarray) -> np.ndarray:
        """`(horizon, size)` actions that stand for `(horizon, dof)` joint targets; for training."""
        if self._spec.space is ActionSpace.END_EFFECTOR:
            return np.concatenate([hand.told(targets, position) for hand in self._hands], axis=1)
        chosen, start = targets[:, self._columns], position[self._columns]
        return {
            Reference.ABSOLUTE: lambda: chosen,
            Reference.CHUNK_START: lambda: chosen - start,
            Reference.PREVIOUS_STEP: lambda: np.diff(chosen, axis=0, prepend=start[None]),
        }[self._spec.reference]()


class _Hand:
    """One end effector's share of an action: position [m], rotation, gripper."""

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
        share = np.clip((number - open_number) / (closed_number - open_number), 0.0, 1.0)
        effector = self._effector
        return effector.hand_open + share * (effector.hand_closed - effector.hand_open)

    def _number_of(self, fingers: np.ndarray) -> float:
        span = self._effector.hand_closed - self._effector.hand_open
        share = (fingers - self._effector.hand_open) @ span / (span @ span)
        open_number, closed_number = self._spec.gripper
        return open_number + np.clip(share, 0.0, 1.0) * (closed_number - open_number)
