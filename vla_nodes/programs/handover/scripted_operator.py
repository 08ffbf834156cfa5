"""Plays an operator on the topics of a leader's YAML, from a thread of its own."""

from __future__ import annotations

import threading
import time

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState, Joy

from vla_core.handover.scripted_leader import ScriptedLeader
from vla_core.handover.teleop_description import TeleopDescription
from vla_nodes.wire import qos

#: Beats of the deadman a second.
_BEATS_HZ = 25.0


class ScriptedOperator:
    """Moves a leader and holds a deadman when called; use it in `with`.

    Args:
        node: owns the publishers.
        described: a leader, and a button of a Joy as its deadman.
        leader: the script.
        rate_hz: messages of the leader a second.
    """

    def __init__(
        self, node: Node, described: TeleopDescription, leader: ScriptedLeader, rate_hz: float
    ) -> None:
        self._node, self._described, self._leader = node, described, leader
        self._period_s = 1.0 / rate_hz
        self._states = node.create_publisher(
            JointState, described.leader.topic, qos.SENSOR_SOURCE
        )
        self._joys = node.create_publisher(Joy, described.deadman.topic, qos.SENSOR_SOURCE)
        self._held = False
        self._begin_s: float | None = None
        self._lock = threading.Lock()  # guards the script, the deadman and their publishers
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)

    def __enter__(self) -> ScriptedOperator:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def align(self, command: np.ndarray, way_s: float) -> None:
        """Bring the leader near `(dof,)`, before the press."""
        with self._lock:
            self._leader.lay(command, way_s)
            self._begin_s = None

    def press(self, command: np.ndarray) -> int:
        """Hold the deadman, and go; when that was said [ns]."""
        with self._lock:
            self._leader.grasp(command)
            self._begin_s = time.monotonic()
            self._publish_leader()
            return self._beat(True)

    def release(self) -> int:
        """Let go; when that was said [ns]."""
        with self._lock:
            return self._beat(False)

    def _play(self) -> None:
        beaten_s = 0.0
        next_s = time.monotonic()
        while not self._over.wait(max(0.0, next_s - time.monotonic())):
            next_s += self._period_s
            with self._lock:
                if not self._node.context.ok():  # Ctrl-C
                    return
                self._publish_leader()
                if time.monotonic() - beaten_s > 1.0 / _BEATS_HZ:
                    beaten_s = time.monotonic()
                    self._beat(self._held)

    def _publish_leader(self) -> None:
        way_s = 0.0 if self._begin_s is None else time.monotonic() - self._begin_s
        message = JointState(name=self._leader.joint_names, position=self._leader.at(way_s))
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._states.publish(message)

    def _beat(self, held: bool) -> int:
        self._held = held
        button = self._described.deadman.button
        message = Joy(buttons=[0] * button + [int(held)])
        now = self._node.get_clock().now()
        message.header.stamp = now.to_msg()
        self._joys.publish(message)
        return now.nanoseconds
