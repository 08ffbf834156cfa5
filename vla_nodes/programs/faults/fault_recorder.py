"""Keeps what the graph says around a fault, as it came; what it means is found out afterwards."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from vla_core.errors import VlaError
from vla_core.faults.command_monitor import ArrivedCommand, Emergency
from vla_core.faults.judgement import Evidence, Motion
from vla_core.robot.description import ControllerDescription
from vla_core.robot.model import RobotModel
from vla_core.types import ControlMode
from vla_msgs import msg
from vla_nodes.base.boundary import BoundedNode
from vla_nodes.base.polled_subscription import PolledSubscription, Taken
from vla_nodes.nodes.fault_injection.fault_graph import INJECTOR, Route
from vla_nodes.nodes.fault_injector_node import INJECTED
from vla_nodes.programs.faults.second_commander import is_of_second_commander
from vla_nodes.wire import qos, topics
from vla_nodes.wire.command_messages import MESSAGE_TYPES, read_command
from vla_nodes.wire.conversions import to_nanoseconds

#: Deeper than the robot's own, so that nothing is lost while this process looks away.
_DEEP = QoSProfile(depth=400, reliability=ReliabilityPolicy.RELIABLE)
#: After the last command of an emergency stop; it is over long before [ns].
_LATER_NS = 1 << 62


class FaultRecorder:
    """Listens to the robot's own joint states, to the commands as they reach it, and to who says
    what; empties its subscriptions when polled.

    Args:
        node: owns the subscriptions.
        robot: whose commands and joint states.
        joints: the joint states' way through the injector; the robot's side of it is recorded.
    """

    def __init__(self, node: BoundedNode, robot: RobotModel, joints: Route) -> None:
        self._robot = robot
        controllers = robot.description.command.controllers
        types = {
            **{c.topic: MESSAGE_TYPES[c.interface] for c in controllers},
            "joints": JointState,
            "safety": msg.SafetyStatus,
            "mode": msg.ControlMode,
            "diagnostics": DiagnosticArray,
            "injected": Header,
        }
        self._subscriptions = {
            name: PolledSubscription(node, types[name], topic, profile, raw=True)
            for name, topic, profile in (
                *((c.topic, c.topic, _DEEP) for c in controllers),
                ("joints", joints.before, _DEEP),
                ("safety", topics.SAFETY_STATUS, qos.STATUS),
                ("mode", topics.MODE, qos.LATCHED),
                ("diagnostics", topics.DIAGNOSTICS, 50),
                ("injected", INJECTED, qos.LATCHED),
            )
        }
        self._taken: dict[str, list[Taken]] = defaultdict(list)
        self._evidence: list[Evidence] = []

    def poll(self) -> None:
        """Take in what has come."""
        for name, subscription in self._subscriptions.items():
            while taken := list(subscription.take_stamped()):
                self._taken[name] += taken

    def clear(self) -> None:
        """Forget what was recorded; the newest of each topic is kept."""
        self.poll()
        for taken in self._taken.values():
            del taken[:-1]
        self._evidence = []

    def add_evidence(self, evidence: Evidence) -> None:
        """Add what was seen by other means."""
        self._evidence.append(evidence)

    def newest(self, name: str) -> Any | None:
        """Newest message of `joints`, `safety`, `mode`, …; None before the first."""
        taken = self._taken.get(name)
        return self._subscriptions[name].boundary.read(taken[-1].message) if taken else None

    def injected_ns(self, fault: str, since_ns: int) -> int | None:
        """When a fault took hold, on this machine's clock [ns]; None if it has not since then."""
        for _, header in self._messages("injected"):
            stamp_ns = to_nanoseconds(header.stamp)
            if header.frame_id == fault and stamp_ns >= since_ns:
                return stamp_ns
        return None

    def commands(self, controller: ControllerDescription) -> list[ArrivedCommand]:
        """Every command as it reached a controller, in its joints' order.

        One that cannot be read holds NaN; what the second commander of a fault says is left out.
        """
        found = []
        ahead_ns = self._robot_clock()
        for taken, message in self._messages(controller.topic):
            if is_of_second_commander(message):
                continue
            try:
                received = read_command(message)
                position = received.in_order(controller.joint_names)
                time_s, stamp_ns = received.time_s, received.stamp_ns
            except VlaError:
                position = np.full((1, len(controller.joint_names)), np.nan)
                time_s, stamp_ns = np.zeros(1), 0
            arrived_ns = taken.received_ns
            robot_ns = arrived_ns + ahead_ns(arrived_ns)
            found.append(
                ArrivedCommand(arrived_ns, robot_ns, stamp_ns or robot_ns, time_s, position)
            )
        return found

    def _robot_clock(self) -> Callable[[int], int]:
        """How far the robot's clock is ahead of this machine's at a time of this machine [ns].

        By the robot's joint states, which it stamps by its clock.
        """
        states = [
            (taken.sent_ns, to_nanoseconds(message.header.stamp) - taken.sent_ns)
            for taken, message in self._messages("joints")
        ]
        sent_ns = [at_ns for at_ns, _ in states]

        def ahead_ns(at_ns: int) -> int:
            index = bisect.bisect_right(sent_ns, at_ns) - 1
            return states[max(index, 0)][1] if states else 0

        return ahead_ns

    def motion(self) -> Motion:
        """The robot's own joint states."""
        taken = [
            (item, message)
            for item, message in self._messages("joints")
            if len(message.position) == len(message.velocity) == self._robot.dof
        ]
        shape = (-1, self._robot.dof)
        return Motion(
            np.array([item.sent_ns for item, _ in taken], dtype=np.int64),
            np.array([message.position for _, message in taken], dtype=float).reshape(shape),
            np.array([message.velocity for _, message in taken], dtype=float).reshape(shape),
        )

    def emergencies(self) -> list[Emergency]:
        """Emergency stops, on the command node's clock."""
        entered = ((to_nanoseconds(m.header.stamp), m.mode) for _, m in self._messages("mode"))
        modes = list(dict.fromkeys(entered))  # each is published again every second
        ends = [stamp_ns for stamp_ns, _ in modes[1:]] + [_LATER_NS]
        return [
            Emergency(stamp_ns, end_ns)
            for (stamp_ns, mode), end_ns in zip(modes, ends, strict=True)
            if mode == ControlMode.ESTOP
        ]

    def evidence(self) -> list[Evidence]:
        """Who said what, in time."""
        found = [*self._evidence, *self._constraints(), *self._modes(), *self._complaints()]
        return sorted(found, key=lambda item: item.time_ns)

    def _messages(self, name: str) -> Iterator[tuple[Taken, Any]]:
        boundary = self._subscriptions[name].boundary
        for taken in self._taken[name]:
            message = boundary.read(taken.message)
            if message is not None:
                yield taken, message

    def _constraints(self) -> Iterator[Evidence]:
        """Each constraint when it becomes active."""
        before: Sequence[str] = ()
        for taken, status in self._messages("safety"):
            for name in status.constraints:
                if name not in before:
                    yield Evidence(taken.sent_ns, f"constraint {name}")
            before = status.constraints

    def _modes(self) -> Iterator[Evidence]:
        before = None
        for taken, mode in self._messages("mode"):
            if mode != before and mode.mode in tuple(ControlMode):
                yield Evidence(taken.sent_ns, f"mode {ControlMode(mode.mode).name}: {mode.reason}")
            before = mode

    def _complaints(self) -> Iterator[Evidence]:
        for taken, message in self._messages("diagnostics"):
            for status in message.status:
                name = status.name.lstrip("/")
                other_graph = "/" in name
                if status.level != DiagnosticStatus.OK and name != INJECTOR and not other_graph:
                    first_line = status.message.partition("\n")[0]
                    yield Evidence(taken.sent_ns, f"diagnostics {name}: {first_line}")
