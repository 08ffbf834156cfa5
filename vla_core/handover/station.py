"""The operator's side: all devices, the deadman, and what of it goes to the command node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vla_core.errors import ObservationError
from vla_core.handover.leader_arms import LeaderArms
from vla_core.handover.teleop_description import HandInput, TeleopDescription
from vla_core.robot.model import RobotModel
from vla_core.types import TeleopTarget

if TYPE_CHECKING:
    from vla_core.handover.hand_targets import HandTargets


class OperatorStation:
    """Makes one stream of what comes from the operator's devices.

    Args:
        described: the devices.
        robot: what is moved.
        operator_name: who operates; empty where nobody said.

    Attributes:
        leader, hands: the devices.
        joint_names: joints that the operator moves.
        holds: whether the deadman was held at its last message.
        deadman_ns: when that was; None before the first time.
    """

    def __init__(
        self, described: TeleopDescription, robot: RobotModel, operator_name: str = ""
    ) -> None:
        self._source, self._operator_name = described.name, operator_name
        self._deadman = described.deadman
        self.leader = None if described.leader is None else LeaderArms(described.leader, robot)
        self.hands = _moved_by_pose(described.hands, robot)
        self._devices = (*([self.leader] if self.leader else []), *self.hands.values())
        self.joint_names = tuple(name for device in self._devices for name in device.joint_names)
        self.holds = False
        self.deadman_ns: int | None = None
        self._sequence = 0

    def on_joy(
        self, topic: str, axes: Sequence[float], buttons: Sequence[int], now_ns: int
    ) -> None:
        """Take a joystick's message, for whoever it is.

        Raises:
            ObservationError: a button or an axis is missing.
        """
        if self._deadman.topic == topic and self._deadman.button is not None:
            if self._deadman.button >= len(buttons):
                raise ObservationError(
                    f"{topic}: got {len(buttons)} buttons, expected button {self._deadman.button}, "
                    "the deadman"
                )
            self.on_deadman(bool(buttons[self._deadman.button]), now_ns)
        for hand in self.hands.values():
            hand.on_joy(topic, axes, now_ns)

    def on_deadman(self, held: bool, now_ns: int) -> None:
        """Take the state of the deadman."""
        self.holds, self.deadman_ns = held, now_ns
        if not held:
            for hand in self.hands.values():
                hand.release()

    def waiting_for(self) -> str:
        """What has sent nothing yet; empty when all has."""
        if self.deadman_ns is None:
            return f"the deadman on {self._deadman.topic}"
        silent = [type(device).__name__ for device in self._devices if device.stamp_ns is None]
        return f"the first message of {', '.join(silent)}" if silent else ""

    def target(self, command: np.ndarray | None, now_ns: int) -> TeleopTarget | None:
        """What goes to the command node now; None while a device has sent nothing.

        Args:
            command: `(dof,)` where the command is; None where nobody commands.
        """
        if self.waiting_for() or (self.hands and command is None):
            return None
        position = []
        if self.leader is not None:
            position.append(self.leader.position)
        for hand in self.hands.values():
            if self.holds and not hand.begun:
                hand.begin(command)
            position.append(hand.solve(command, now_ns))
        self._sequence += 1
        return TeleopTarget(
            sequence=self._sequence,
            devices_stamp_ns=min(device.stamp_ns for device in self._devices),
            deadman_stamp_ns=self.deadman_ns,
            deadman_held=self.holds,
            joint_names=self.joint_names,
            position=np.concatenate(position),
            source=self._source,
            operator_name=self._operator_name,
        )


def _moved_by_pose(hands: Sequence[HandInput], robot: RobotModel) -> dict[str, HandTargets]:
    """Side -> hand; leader arms alone are followed without inverse kinematics, and its import."""
    if not hands:
        return {}
    from vla_core.handover.hand_targets import HandTargets

    return {hand.side: HandTargets(hand, robot) for hand in hands}
