"""The operator's devices in, joint targets and the deadman out; the command node decides.

A leader's message and every beat of the deadman go on at once, so that a press is not late; hands
that are moved by their pose are solved at a rate of their own.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState, Joy
from std_msgs.msg import Bool

from vla_core.command.realtime import make_realtime
from vla_core.errors import VlaError
from vla_core.handover.load_teleop import load_teleop
from vla_core.handover.station import OperatorStation
from vla_core.handover.teleop_description import PoseInput, TwistInput
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS
from vla_msgs import msg
from vla_nodes.base.parameters import ROBOT, TELEOP, NodeParameter, Taken
from vla_nodes.base.polled_subscription import PolledSubscription
from vla_nodes.base.suite_node import Health, SuiteNode, run
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import read_command_state
from vla_nodes.wire.handover_messages import teleop_target_message

#: How often it says where the leader is while the deadman is not held [s].
_RELEASED_PERIOD_S = 0.1
#: A command that is older says nothing of where the robot is [s].
_STALE_S = 0.5
#: Before whatever has no such priority, after the command loop.
_PRIORITY = 10


class TeleopNode(SuiteNode):
    """Listens to the devices of a teleoperation's YAML."""

    PARAMETERS = (
        ROBOT,
        TELEOP,
        NodeParameter("operator", "", "Who operates; goes into every intervention's record."),
        NodeParameter(
            "realtime", True, "Whether to ask for SCHED_FIFO.", taken=Taken.AT_START
        ),
        NodeParameter("rate_hz", 60.0, "Solutions a second of hands' poses [Hz].", 5.0, 200.0),
    )

    def __init__(self) -> None:
        super().__init__("teleop_node")
        self._station: OperatorStation | None = None
        self._inputs: list = []
        self._timers_made: list = []

    def configure(self) -> None:
        """Read the devices and check them against the robot."""
        self._robot = RobotModel.load(self.values["robot"])
        self._described = load_teleop(self.values["teleop"], self._robot.description)
        self._publisher = self.create_lifecycle_publisher(
            msg.TeleopTarget, topics.TELEOP_TARGET, qos.LATEST
        )
        self._station = OperatorStation(self._described, self._robot, self.values["operator"])

    def activate(self) -> None:
        """Listen."""
        described, station = self._described, self._station
        joys = {
            hand.target.topic for hand in described.hands if isinstance(hand.target, TwistInput)
        }
        joys |= {hand.gripper.topic for hand in described.hands if hand.gripper}
        if described.deadman.button is None:
            self._subscribe(Bool, described.deadman.topic, self._on_deadman)
        else:
            joys.add(described.deadman.topic)
        for topic in sorted(joys):
            self._subscribe(Joy, topic, lambda message, topic=topic: self._on_joy(topic, message))
        if described.leader is not None:
            self._subscribe(JointState, described.leader.topic, self._on_leader)
        for hand in described.hands:
            if isinstance(hand.target, PoseInput):
                solver = station.hands[hand.side]
                self._subscribe(
                    PoseStamped,
                    hand.target.topic,
                    lambda message, solver=solver: self._on_pose(solver, message),
                )
        self._status = PolledSubscription(
            self, msg.SafetyStatus, topics.SAFETY_STATUS, qos.NEWEST_STATUS
        )
        self._commanded: tuple[int, np.ndarray] | None = None
        self._timers_made = [self.create_steady_timer(_RELEASED_PERIOD_S, self._publish_released)]
        if described.hands:
            period_s = 1.0 / self.values["rate_hz"]
            self._timers_made.append(self.create_steady_timer(period_s, self._publish_held))

    def deactivate(self) -> None:
        """Stop to listen; the command node stops what the operator moved."""
        for timer in self._timers_made:
            self.destroy_timer(timer)
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        if self._timers_made:
            self._status.destroy()
        self._timers_made, self._inputs = [], []

    def cleanup(self) -> None:
        """Forget the devices."""
        if self._station is not None:
            self.destroy_lifecycle_publisher(self._publisher)
            self._station = None

    def spin(self) -> None:
        """Serve callbacks, before the policy's processes get the processor: a press is not late."""
        gc.collect()
        gc.freeze()  # what is loaded by now is not searched again while a press waits
        if self.get_parameter("realtime").value:
            self.get_logger().info(make_realtime(_PRIORITY, whole_process=True))
        super().spin()

    def health(self) -> Health:
        """As every node; a graph comes up without its operator, so silent devices are no fault."""
        health = super().health()
        if health.level != DiagnosticStatus.OK:
            return health
        missing = self._station.waiting_for()
        if not missing and self._station.hands and self._command() is None:
            missing = f"a command on {topics.SAFETY_STATUS}"
        return Health(health.level, f"running without {missing}") if missing else health

    def _subscribe(self, kind: type, topic: str, callback: Callable[[Any], None]) -> None:
        self._inputs.append(self.create_subscription(kind, topic, callback, qos.SENSOR))

    def _on_leader(self, message: JointState) -> None:
        position = np.asarray(message.position)
        if self._took(self._station.leader.on_joint_state, message.name, position, self.now_ns()):
            self._publish_held()

    def _on_pose(self, solver, message: PoseStamped) -> None:
        at, turned = message.pose.position, message.pose.orientation
        xyzw = (turned.x, turned.y, turned.z, turned.w)
        self._took(solver.on_pose, (at.x, at.y, at.z), xyzw, self.now_ns())

    def _on_joy(self, topic: str, message: Joy) -> None:
        held = self._station.holds
        if (
            self._took(self._station.on_joy, topic, message.axes, message.buttons, self.now_ns())
            and topic == self._described.deadman.topic
        ):
            self._on_beat(held)

    def _on_deadman(self, message: Bool) -> None:
        held = self._station.holds
        self._station.on_deadman(message.data, self.now_ns())
        self._on_beat(held)

    def _on_beat(self, held: bool) -> None:
        """A message of the deadman; `held`: whether it was held before."""
        self.meters.rate("deadman").tick()
        if held != self._station.holds or self._station.holds:
            self._publish()

    def _took(self, take: Callable[..., None], *message: Any) -> bool:
        try:
            take(*message)
        except VlaError as error:
            self.refuse(str(error), "device/refused")
            return False
        self.meters.rate("device").tick()
        return True

    def _publish_held(self) -> None:
        if self._station.holds:
            self._publish()

    def _publish_released(self) -> None:
        if not self._station.holds:
            self._publish()

    def _publish(self) -> None:
        now_ns = self.now_ns()
        command = self._command() if self._station.hands else None
        target = self._station.target(command, now_ns)
        if target is not None:
            self._publisher.publish(teleop_target_message(target, now_ns))
            self.meters.rate("target").tick()

    def _on_status(self, message: msg.SafetyStatus) -> None:
        status = read_command_state(message)
        if not status.commanded.size:
            self._commanded = None
            return
        position = self._robot.to_canonical(status.joint_names, status.commanded)
        self._commanded = (status.stamp_ns, position)

    def _command(self) -> np.ndarray | None:
        """`(dof,)` where the command is; None where nobody commands."""
        self._status.read_newest(self._on_status)
        if self._commanded is None:
            return None
        stamp_ns, position = self._commanded
        return position if self.now_ns() - stamp_ns < _STALE_S * NANOSECONDS else None


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run vla_nodes teleop_node`."""
    return run(TeleopNode, args)


if __name__ == "__main__":
    sys.exit(main())
