"""Joint commands in the three messages that robots take them in, written and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from builtin_interfaces.msg import Duration
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_core.command.command import Command
from vla_core.errors import ChunkError, JointMismatchError
from vla_core.robot.description import CommandInterface
from vla_core.types import NANOSECONDS
from vla_nodes.wire.byte_buffer import floats_field
from vla_nodes.wire.conversions import to_nanoseconds, to_time

MESSAGE_TYPES: dict[CommandInterface, type] = {
    CommandInterface.JOINT_TRAJECTORY: JointTrajectory,
    CommandInterface.FORWARD_COMMAND: Float64MultiArray,
    CommandInterface.JOINT_STATE: JointState,
}


class CommandWriter:
    """Writes commands into one kept message, which is overwritten by the next call.

    A JointTrajectory carries the command and the stop that follows it, so a robot whose command
    node dies comes to rest by itself; the other two messages carry the command alone.

    Args:
        interface: what the robot takes.
        joint_names: the joints of its controller.
        columns: where they are in the canonical order; None: they are all, in that order.
    """

    def __init__(
        self,
        interface: CommandInterface,
        joint_names: Sequence[str],
        columns: np.ndarray | None = None,
    ) -> None:
        self._columns = slice(None) if columns is None else columns
        self._message = MESSAGE_TYPES[interface]()
        self._points: list[JointTrajectoryPoint] = []
        if interface is CommandInterface.JOINT_TRAJECTORY:
            self._message.joint_names = list(joint_names)
        elif interface is CommandInterface.JOINT_STATE:
            self._message.name = list(joint_names)
        self._write: Callable[[Command], None] = {
            CommandInterface.JOINT_TRAJECTORY: self._write_trajectory,
            CommandInterface.FORWARD_COMMAND: self._write_positions,
            CommandInterface.JOINT_STATE: self._write_joint_state,
        }[interface]

    def write(self, command: Command) -> Any:
        """The message of an active command."""
        self._write(command)
        return self._message

    def _write_trajectory(self, command: Command) -> None:
        tail, columns = command.tail, self._columns
        while len(self._points) < len(tail.time_s):
            self._points.append(JointTrajectoryPoint())
        points = self._points[: len(tail.time_s)]
        rows = zip(points, tail.time_s, tail.position, tail.velocity, strict=True)
        for point, time_s, position, velocity in rows:
            point.time_from_start = _duration(time_s)
            point.positions = floats_field(position[columns])
            point.velocities = floats_field(velocity[columns])
        self._message.header.stamp = to_time(command.motion_ns)
        self._message.points = points

    def _write_positions(self, command: Command) -> None:
        self._message.data = floats_field(command.position[self._columns])

    def _write_joint_state(self, command: Command) -> None:
        self._message.header.stamp = to_time(command.stamp_ns)
        self._message.position = floats_field(command.position[self._columns])
        self._message.velocity = floats_field(command.velocity[self._columns])


class ReceivedCommand(NamedTuple):
    """A command as a robot understands it.

    Attributes:
        joint_names: order of the columns; empty: the robot's canonical order.
        stamp_ns: when its times start [ns]; 0: on arrival.
        time_s: `(points,)` times from the start [s].
        position: `(points, dof)`.
    """

    joint_names: tuple[str, ...]
    stamp_ns: int
    time_s: np.ndarray
    position: np.ndarray

    def in_order(self, joint_names: Sequence[str]) -> np.ndarray:
        """`(points, len(joint_names))` positions in an order; all of its joints, and no others.

        Raises:
            JointMismatchError: joints missing or unknown.
        """
        given = self.joint_names or tuple(joint_names)
        own = set(joint_names)
        if len(given) != len(own) or set(given) != own or self.position.shape[1] != len(given):
            missing, unknown = sorted(own - set(given)), sorted(set(given) - own)
            raise JointMismatchError("command", missing, unknown)
        return self.position[:, [given.index(name) for name in joint_names]]

    def is_over(self, now_ns: int) -> bool:
        """Whether it is a trajectory that has ended before `now_ns`; ros2_control refuses those."""
        age_s = (now_ns - self.stamp_ns) / NANOSECONDS
        return self.stamp_ns > 0 and len(self.time_s) > 1 and self.time_s[-1] < age_s

    def target(self, now_ns: int) -> np.ndarray:
        """`(dof,)` position due at `now_ns`, interpolated; the last one after the end."""
        time_s = (now_ns - self.stamp_ns) / NANOSECONDS
        after = int(np.searchsorted(self.time_s, time_s))
        if after in (0, len(self.time_s)):
            return self.position[min(after, len(self.time_s) - 1)]
        before_s, after_s = self.time_s[after - 1 : after + 1]
        share = (time_s - before_s) / (after_s - before_s)
        return (1 - share) * self.position[after - 1] + share * self.position[after]


def read_command(message: JointTrajectory | Float64MultiArray | JointState) -> ReceivedCommand:
    """What a robot's controller reads from any of the three messages.

    Raises:
        ChunkError: no points, not one position a joint, times that do not increase, or numbers
            that are not finite.
    """
    if isinstance(message, JointTrajectory):
        points = message.points
        received = ReceivedCommand(
            tuple(message.joint_names),
            to_nanoseconds(message.header.stamp),
            np.array([to_nanoseconds(p.time_from_start) / NANOSECONDS for p in points]),
            _positions(points),
        )
        if (received.time_s < 0.0).any() or (np.diff(received.time_s) <= 0.0).any():
            raise ChunkError("command: times of its points do not increase from 0")
    elif isinstance(message, JointState):
        stamp_ns = to_nanoseconds(message.header.stamp)
        received = _single(tuple(message.name), stamp_ns, np.array(message.position))
    else:
        received = _single((), 0, np.array(message.data))
    if not received.position.size or not np.isfinite(received.position).all():
        raise ChunkError("command holds no positions, or some that are not finite")
    names, columns = len(received.joint_names), received.position.shape[1]
    if names not in (0, columns):
        raise ChunkError(f"command: got {columns} positions for {names} joints")
    return received


def _positions(points: Sequence[JointTrajectoryPoint]) -> np.ndarray:
    lengths = {len(point.positions) for point in points}
    if len(lengths) > 1:
        raise ChunkError(
            f"command: got points of {sorted(lengths)} positions, expected as many in each"
        )
    return np.array([point.positions for point in points])


def _single(names: tuple[str, ...], stamp_ns: int, position: np.ndarray) -> ReceivedCommand:
    return ReceivedCommand(names, stamp_ns, np.zeros(1), position[None])


def _duration(time_s: float) -> Duration:
    seconds, nanoseconds = divmod(round(time_s * NANOSECONDS), NANOSECONDS)
    return Duration(sec=int(seconds), nanosec=int(nanoseconds))
