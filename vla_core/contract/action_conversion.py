"""What a network's actions say as joint targets, and joint targets as it says them."""

from __future__ import annotations

import numpy as np

from vla_core.contract.specification import TOOL, ActionSpace, ActionSpec, Reference
from vla_core.errors import PolicyError
from vla_core.robot.model import RobotModel


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
        if not self._names:
            raise PolicyError(source, f"action.space: robot {robot.name!r} has no end effectors")
        if of_joints:
            self._columns = [robot.index(name) for name in self._names]
            self.size = len(self._names)
            return
        if spec.frame not in ("", TOOL) and not robot.has_frame(spec.frame):
            raise PolicyError(source, f"action.frame: robot {robot.name!r} has no link {spec.frame!r}")
        from vla_core.contract.hand_action import HandAction  # alone needs inverse kinematics

        self._hands = [HandAction(robot, name, spec) for name in self._names]
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
