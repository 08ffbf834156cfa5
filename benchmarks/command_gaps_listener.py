"""Stands at the robot's side of the command topic and notes when each command came, for
`command_gaps.py`, which starts it: `command_gaps_listener.py KIND ROBOT FILE`, until SIGTERM.

Commands stay bytes, but for the two around a silence, whose step is wanted.
"""

from __future__ import annotations

import gc
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from trajectory_msgs.msg import JointTrajectory

from vla_core.command.realtime import make_realtime
from vla_core.faults.command_monitor import ArrivedCommand
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS
from vla_msgs import msg
from vla_nodes.base.polled_subscription import PolledSubscription, Taken
from vla_nodes.wire import topics
from vla_nodes.wire.command_messages import read_command

#: Kinds of listeners: all threads at SCHED_FIFO, before the command loop; or like a recorder.
AHEAD, ORDINARY = "ahead of all", "ordinary"
_PRIORITY = 90
_DEEP = QoSProfile(depth=400, reliability=ReliabilityPolicy.RELIABLE)
_DEEP_STATUS = QoSProfile(depth=400, reliability=ReliabilityPolicy.BEST_EFFORT)
_POLL_S = {AHEAD: 0.002, ORDINARY: 0.01}
_SILENCE_NS = 25_000_000


@dataclass
class Heard:
    """What a listener heard, in the order of reception.

    Attributes:
        sent_ns, received_ns: `(commands,)` publication and reception, by the middleware [ns].
        tick_ns: `(ticks,)` the ticks that the command node reported, sorted [ns].
        polled_ns: `(polls,)` when the listener ran [ns].
        steps_rad: index of a command -> its step from where the one before it led.
    """

    sent_ns: np.ndarray
    received_ns: np.ndarray
    tick_ns: np.ndarray
    polled_ns: np.ndarray
    steps_rad: dict[int, float]

    @classmethod
    def load(cls, path: Path) -> Heard:
        """As a listener wrote it."""
        with np.load(path) as file:
            indices, steps = file["step_index"], file["step_rad"]
            return cls(
                file["sent_ns"],
                file["received_ns"],
                np.sort(file["tick_ns"]),
                file["polled_ns"],
                {int(i): float(step) for i, step in zip(indices, steps, strict=True)},
            )

    def tick_before(self, time_ns: int) -> int:
        """The last tick until a time [ns]."""
        index = int(np.searchsorted(self.tick_ns, time_ns, side="right")) - 1
        return int(self.tick_ns[max(index, 0)])

    def away_ns(self, from_ns: int, to_ns: int) -> int:
        """Longest time between two polls that touches a span [ns]."""
        begin, end = np.searchsorted(self.polled_ns, (from_ns, to_ns))
        return int(np.diff(self.polled_ns[max(begin - 1, 0) : end + 1]).max(initial=0))


class Listener:
    """Keeps the times of commands and ticks."""

    def __init__(self, node: Node, robot: RobotModel) -> None:
        (controller,) = robot.description.command.controllers
        self._robot = robot
        self._commands = PolledSubscription(
            node, JointTrajectory, controller.topic, _DEEP, raw=True, most=400
        )
        self._statuses = PolledSubscription(
            node, msg.SafetyStatus, topics.SAFETY_STATUS, _DEEP_STATUS, raw=True, most=400
        )
        self._times: list[tuple[int, int]] = []
        self._tick_ns: list[int] = []
        self._polled_ns: list[int] = []
        self._steps: list[tuple[int, float]] = []
        self._last: Taken | None = None

    def poll(self) -> None:
        """Note what has come."""
        self._polled_ns.append(time.time_ns())
        for taken in self._commands.take_stamped():
            last, self._last = self._last, taken
            if last is not None and taken.received_ns - last.received_ns > _SILENCE_NS:
                self._steps.append((len(self._times), self._step(last, taken)))
            self._times.append((taken.sent_ns, taken.received_ns))
        for taken in self._statuses.take_stamped():
            seconds, nanoseconds = np.frombuffer(taken.message, "<u4", 2, 4)  # behind CDR's header
            self._tick_ns.append(int(seconds) * NANOSECONDS + int(nanoseconds))

    def _step(self, before: Taken, after: Taken) -> float:
        """From where a robot was led by the one, to where the other tells it to be [rad]."""
        led_to, told = (
            arrived.at((after.received_ns - arrived.stamp_ns) / NANOSECONDS)
            for arrived in (self._arrived(before), self._arrived(after))
        )
        return float(np.abs(told - led_to).max())

    def _arrived(self, taken: Taken) -> ArrivedCommand:
        received = read_command(deserialize_message(taken.message, JointTrajectory))
        position = self._robot.to_canonical(received.joint_names, received.position, "command")
        at_ns = taken.received_ns
        return ArrivedCommand(at_ns, at_ns, received.stamp_ns, received.time_s, position)

    def save(self, path: Path) -> None:
        """For `Heard.load`."""
        times = np.array(self._times, dtype=np.int64).reshape(-1, 2)
        steps = np.array(self._steps).reshape(-1, 2)
        np.savez(
            path,
            sent_ns=times[:, 0],
            received_ns=times[:, 1],
            tick_ns=np.array(self._tick_ns, dtype=np.int64),
            polled_ns=np.array(self._polled_ns, dtype=np.int64),
            step_index=steps[:, 0].astype(np.int64),
            step_rad=steps[:, 1],
        )


def main() -> None:
    """Listen until SIGTERM."""
    kind, robot, path = sys.argv[1:]
    ends: list[int] = []
    rclpy.init(args=[])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: ends.append(got))
    node = Node(f"listener_{kind.replace(' ', '_')}")
    listener = Listener(node, RobotModel.load(robot))
    gc.collect()
    gc.disable()
    if kind == AHEAD:
        print(make_realtime(_PRIORITY, whole_process=True), flush=True)
    while not ends:
        listener.poll()
        time.sleep(_POLL_S[kind])
    listener.save(Path(path))
    node.destroy_node()
    rclpy.shutdown()


if __name__ == "__main__":
    main()
