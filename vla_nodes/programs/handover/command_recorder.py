"""Keeps the commands and the ticks' reports of an episode as bytes; they are read afterwards."""

from __future__ import annotations

import numpy as np
from rclpy.qos import QoSProfile, ReliabilityPolicy

from vla_core.experiments.handover.takeover_record import SentCommand, Tick
from vla_core.robot.description import ControllerDescription
from vla_core.robot.model import RobotModel
from vla_msgs import msg
from vla_nodes.base.boundary import BoundedNode
from vla_nodes.base.polled_subscription import PolledSubscription, Taken
from vla_nodes.wire import topics
from vla_nodes.wire.command_messages import MESSAGE_TYPES, read_command
from vla_nodes.wire.conversions import read_command_state, read_mode, to_nanoseconds

_DEEP = QoSProfile(depth=400, reliability=ReliabilityPolicy.RELIABLE)
_DEEP_STATUS = QoSProfile(depth=400, reliability=ReliabilityPolicy.BEST_EFFORT)


class CommandRecorder:
    """Listens to the command and to the safety status.

    Args:
        node: owns the subscriptions.
        robot: whose commands.
    """

    def __init__(self, node: BoundedNode, robot: RobotModel) -> None:
        self._robot = robot
        self._controllers = robot.description.command.controllers
        self._commands = [
            PolledSubscription(
                node, MESSAGE_TYPES[one.interface], one.topic, _DEEP, raw=True, most=400
            )
            for one in self._controllers
        ]
        self._statuses = PolledSubscription(
            node, msg.SafetyStatus, topics.SAFETY_STATUS, _DEEP_STATUS, raw=True, most=400
        )
        self._kept_commands: list[list[Taken]] = [[] for _ in self._controllers]
        self._kept_statuses: list[Taken] = []

    def poll(self) -> None:
        """Take in what has come."""
        for kept, source in zip(self._kept_commands, self._commands, strict=True):
            kept.extend(source.take_stamped())
        self._kept_statuses.extend(self._statuses.take_stamped())

    def clear(self) -> None:
        """Forget what was recorded."""
        self.poll()
        for kept in (*self._kept_commands, self._kept_statuses):
            del kept[:-1]

    def newest(self) -> np.ndarray | None:
        """`(dof,)` where the command is; None where nobody commands."""
        self.poll()
        if not self._kept_statuses:
            return None
        newest = self._kept_statuses[-1].message
        state = self._statuses.boundary.read_as(read_command_state, newest)
        return state.commanded if state is not None and state.commanded.size else None

    def sent(self, from_ns: int, to_ns: int) -> list[SentCommand]:
        """Commands that were sent between two times of this machine; of a period, the last.

        The command node sends to the controllers in turn: with the last one, the command is whole.
        """
        found: dict[int, SentCommand] = {}
        position = np.full(self._robot.dof, np.nan)
        boundaries = {
            one: commands.boundary
            for one, commands in zip(self._controllers, self._commands, strict=True)
        }
        last = self._controllers[-1]
        for taken, controller in self._sent_between(from_ns, to_ns):
            received = boundaries[controller].read_as(read_command, taken.message)
            if received is None:
                continue
            columns = [self._robot.index(name) for name in controller.joint_names]
            position[columns] = received.in_order(controller.joint_names)[0]
            if controller is last and not np.isnan(position).any():
                stamp_ns = received.stamp_ns or taken.sent_ns
                found[stamp_ns] = SentCommand(stamp_ns, position.copy())
        return list(found.values())

    def _sent_between(
        self, from_ns: int, to_ns: int
    ) -> list[tuple[Taken, ControllerDescription]]:
        sent = [
            (taken, controller)
            for kept, controller in zip(self._kept_commands, self._controllers, strict=True)
            for taken in _between(kept, from_ns, to_ns)
        ]
        return sorted(sent, key=lambda one: one[0].sent_ns)

    def ticks(self, from_ns: int, to_ns: int) -> list[Tick]:
        """The same of the ticks' reports."""
        found = []
        for taken in _between(self._kept_statuses, from_ns, to_ns):
            status = self._statuses.boundary.read(taken.message)
            if status is None:
                continue
            found.append(
                Tick(
                    to_nanoseconds(status.header.stamp),
                    status.tick,
                    read_mode(status),
                    status.chunk_sequence,
                    np.array(status.requested),
                    np.array(status.velocity),
                )
            )
        return found


def _between(kept: list[Taken], from_ns: int, to_ns: int) -> list[Taken]:
    return [taken for taken in kept if from_ns <= taken.sent_ns <= to_ns]
