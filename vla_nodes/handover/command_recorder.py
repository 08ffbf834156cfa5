"""Keeps the commands and the ticks' reports of an episode as bytes; they are read afterwards."""

from __future__ import annotations

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message

from vla_core.handover.takeover_record import SentCommand, Tick
from vla_core.robot.model import RobotModel
from vla_core.types import ControlMode
from vla_msgs import msg
from vla_nodes import topics
from vla_nodes.command_messages import MESSAGE_TYPES, read_command
from vla_nodes.conversions import to_nanoseconds
from vla_nodes.polled_subscription import PolledSubscription, Taken

_DEEP = QoSProfile(depth=400, reliability=ReliabilityPolicy.RELIABLE)
_DEEP_STATUS = QoSProfile(depth=400, reliability=ReliabilityPolicy.BEST_EFFORT)


class CommandRecorder:
    """Listens to the command and to the safety status.

    Args:
        node: owns the subscriptions.
        robot: whose command; with one controller.
    """

    def __init__(self, node: Node, robot: RobotModel) -> None:
        command = robot.description.command
        self._robot = robot
        self._type = MESSAGE_TYPES[command.interface]
        self._commands = PolledSubscription(
            node, self._type, command.topic, _DEEP, raw=True, most=400
        )
        self._statuses = PolledSubscription(
            node, msg.SafetyStatus, topics.SAFETY_STATUS, _DEEP_STATUS, raw=True, most=400
        )
        self._kept: tuple[list[Taken], list[Taken]] = ([], [])

    def poll(self) -> None:
        """Take in what has come."""
        for kept, source in zip(self._kept, (self._commands, self._statuses), strict=True):
            kept.extend(source.take_stamped())

    def clear(self) -> None:
        """Forget what was recorded."""
        self.poll()
        for kept in self._kept:
            del kept[:-1]

    def newest(self) -> np.ndarray | None:
        """`(dof,)` where the command is; None where nobody commands."""
        self.poll()
        if not self._kept[1]:
            return None
        status = deserialize_message(self._kept[1][-1].message, msg.SafetyStatus)
        return np.array(status.commanded) if len(status.commanded) else None

    def sent(self, from_ns: int, to_ns: int) -> list[SentCommand]:
        """Commands that were sent between two times of this machine; of a period, the last."""
        found: dict[int, SentCommand] = {}
        for taken in _between(self._kept[0], from_ns, to_ns):
            received = read_command(deserialize_message(taken.message, self._type))
            names = received.joint_names or self._robot.joint_names
            position = self._robot.to_canonical(names, received.position[0], "command")
            found[received.stamp_ns] = SentCommand(received.stamp_ns, position)
        return list(found.values())

    def ticks(self, from_ns: int, to_ns: int) -> list[Tick]:
        """The same of the ticks' reports."""
        found = []
        for taken in _between(self._kept[1], from_ns, to_ns):
            status = deserialize_message(taken.message, msg.SafetyStatus)
            found.append(
                Tick(
                    to_nanoseconds(status.header.stamp),
                    status.tick,
                    ControlMode(status.mode),
                    status.chunk_sequence,
                    np.array(status.requested),
                    np.array(status.velocity),
                )
            )
        return found


def _between(kept: list[Taken], from_ns: int, to_ns: int) -> list[Taken]:
    return [taken for taken in kept if from_ns <= taken.sent_ns <= to_ns]
