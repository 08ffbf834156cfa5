"""Stands between the simulated robot and the nodes, and alters what passes; for `vla faults` only.

Without a fault it passes the bytes on as they come. It also repeats false on the emergency stop's
topic, as a healthy button does, and publishes /clock where the graph runs in simulated time.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from rclpy.executors import SingleThreadedExecutor
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Bool, Header

from vla_core.contract.manifest import PolicyManifest
from vla_core.paths import policy_folder
from vla_core.robot.load import load_robot
from vla_core.types import NANOSECONDS
from vla_nodes.base.parameters import POLICY, ROBOT, NodeParameter, Taken
from vla_nodes.base.polled_subscription import PolledSubscription
from vla_nodes.base.suite_node import SuiteNode, run
from vla_nodes.nodes.fault_injection.fault_graph import INJECTOR, Route, policy_routes
from vla_nodes.nodes.fault_injection.transforms import ALTERATIONS, CHUNK, INTENT, Transform
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import to_time

#: std_msgs/Header: a fault, by the name of its target, took hold; the stamp is the machine's time.
INJECTED = "faults/injected"
ESTOP_PRESSED, HEARTBEAT_LOST = "estop_pressed", "heartbeat_lost"
CLOCK_JUMPS_S = {"clock_forwards": 10.0, "clock_backwards": -10.0}
KNOWN = (*ALTERATIONS, ESTOP_PRESSED, HEARTBEAT_LOST, *CLOCK_JUMPS_S)
_HEARTBEAT_HZ = 10.0
_CLOCK_HZ = 200.0
_POLL_S = 0.001
_POLLS_PER_SERVICE = 20
_IDLE_WAIT_S = 0.005


class FaultInjectorNode(SuiteNode):
    """Passes streams on, and makes the fault that its parameter `fault` names."""

    PARAMETERS = (
        ROBOT,
        POLICY,
        NodeParameter(
            "fault", "", "What to do; empty: nothing.", choices=("", *KNOWN), taken=Taken.AT_ONCE
        ),
        NodeParameter("clock", False, "Whether to publish /clock.", taken=Taken.AT_ONCE),
    )

    def __init__(self) -> None:
        super().__init__(INJECTOR)
        self._streams: list[_Stream] = []
        self._fault = ""
        self._clock_offset_ns = 0
        self._injected = self.create_publisher(Header, INJECTED, qos.LATCHED)
        self._clock_publisher = self.create_publisher(Clock, topics.CLOCK, 10)
        self._estop = None
        self._due_s = dict.fromkeys(("clock", "heartbeat"), 0.0)

    def configure(self) -> None:
        """Know the streams."""
        robot = load_robot(self.values["robot"])
        self._routes = policy_routes(
            robot, PolicyManifest.load(policy_folder(self.values["policy"]))
        )

    def activate(self) -> None:
        """Pass the streams on."""
        self._estop = self.create_publisher(Bool, topics.ESTOP, qos.ESTOP)
        self._streams = [_Stream(self, route) for route in self._routes]

    def deactivate(self) -> None:
        """Pass nothing on."""
        for stream in self._streams:
            stream.destroy()
        self._streams = []
        if self._estop is not None:
            self.destroy_publisher(self._estop)
            self._estop = None

    def spin(self) -> None:
        """Pass on what comes; serve parameters and the lifecycle in between."""
        executor = SingleThreadedExecutor()
        executor.add_node(self)
        polls = 0
        while self.context.ok():
            if not self._streams:
                executor.spin_once(timeout_sec=_IDLE_WAIT_S)
            elif polls % _POLLS_PER_SERVICE == 0:
                executor.spin_once(timeout_sec=0)
                self.look_for_a_fault()
            self.pass_on()
            polls += 1
            time.sleep(_POLL_S)

    def pass_on(self) -> None:
        """Pass on what has come, and beat and tick where it is time."""
        if self.get_parameter("clock").value:
            self._tick_clock()
        for stream in self._streams:
            if stream.forward():
                self._announce()
        self._beat()

    def look_for_a_fault(self) -> None:
        """Begin or end what the parameter `fault` names."""
        fault = self.get_parameter("fault").value
        if fault == self._fault or not self._streams:
            return
        self._fault = fault
        alteration = ALTERATIONS.get(fault)
        for stream in self._streams:
            altered = alteration is not None and stream.route.name == alteration.route
            stream.transform = alteration.make() if altered else None
            stream.untold = altered
        if fault in CLOCK_JUMPS_S:
            self._clock_offset_ns += round(CLOCK_JUMPS_S[fault] * NANOSECONDS)
        if fault and alteration is None:
            self._announce()
        if fault == ESTOP_PRESSED:
            self._estop.publish(Bool(data=True))

    def _announce(self) -> None:
        self._injected.publish(Header(stamp=to_time(time.time_ns()), frame_id=self._fault))

    def _beat(self) -> None:
        if self._estop is not None and self._fault != HEARTBEAT_LOST:
            if self._due("heartbeat", _HEARTBEAT_HZ):
                self._estop.publish(Bool(data=False))

    def _tick_clock(self) -> None:
        if self._due("clock", _CLOCK_HZ):
            now_ns = time.time_ns() + self._clock_offset_ns
            self._clock_publisher.publish(Clock(clock=to_time(now_ns)))

    def _due(self, name: str, rate_hz: float) -> bool:
        now_s = time.monotonic()
        if now_s < self._due_s[name]:
            return False
        self._due_s[name] = now_s + 1.0 / rate_hz
        return True


class _Stream:
    """One stream, passed on as bytes, or altered.

    Attributes:
        transform: what to do to each message; None: nothing.
        untold: whether the next altered message is the first.
    """

    def __init__(self, node: FaultInjectorNode, route: Route) -> None:
        self.route = route
        self.transform: Transform | None = None
        self.untold = False
        self._node = node
        # As the nodes themselves: intents and chunks newest only, the robot's streams deeper.
        profile = qos.LATEST if route.name in (INTENT, CHUNK) else qos.SENSOR_SOURCE
        self._source = PolledSubscription(
            node, route.message_type, route.before, profile, raw=True
        )
        self._target = node.create_publisher(route.message_type, route.topic, profile)

    def forward(self) -> bool:
        """Pass on what has come; whether a fault took hold with it."""
        took_hold = False
        for data in self._source.take_all():
            message: Any = data
            if self.transform is not None:
                took_hold |= self.untold
                self.untold = False
                message = self._source.boundary.read_as(self.transform, data)
            if message is not None:
                self._target.publish(message)
        return took_hold

    def destroy(self) -> None:
        """End it."""
        self._source.destroy()
        self._node.destroy_publisher(self._target)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run vla_nodes fault_injector_node`."""
    return run(FaultInjectorNode, args)


if __name__ == "__main__":
    sys.exit(main())
