"""Into ROS and out of it, whatever ends what is done in between."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

import rclpy
from live import free_domain
from rclpy._rclpy_pybind11 import RCLError
from rclpy.action import ActionClient, ActionServer
from rclpy.executors import ExternalShutdownException
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from vla_msgs.action import ExecuteInstruction
from vla_nodes.base.ros_context import ros


@pytest.fixture(autouse=True)
def domain(monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", str(free_domain()))


def test_ros_is_there_within_and_can_begin_again_after():
    for _ in range(2):
        with ros([]):
            assert rclpy.ok()
            rclpy.create_node("node").destroy_node()
        assert not rclpy.ok()


#: Everything that rclpy makes or does for a node.
ACTS = {
    "node": lambda node: rclpy.create_node("another"),
    "publisher": lambda node: node.create_publisher(Header, "topic", 1),
    "subscription": lambda node: node.create_subscription(Header, "topic", print, 1),
    "service": lambda node: node.create_service(Trigger, "service", print),
    "client": lambda node: node.create_client(Trigger, "service"),
    "timer": lambda node: node.create_timer(1.0, print),
    "guard condition": lambda node: node.create_guard_condition(print),
    "action client": lambda node: ActionClient(node, ExecuteInstruction, "action"),
    "action server": lambda node: ActionServer(node, ExecuteInstruction, "action", print),
    "parameter": lambda node: node.declare_parameter("parameter", 1),
    "graph": lambda node: node.get_topic_names_and_types(),
    "spin": lambda node: rclpy.spin_once(node, timeout_sec=0.1),
}


def _as_a_signal_does() -> None:
    context = rclpy.get_default_context()
    with context.handle:
        context.handle.shutdown()
    assert not rclpy.ok()


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize("end", [_as_a_signal_does, rclpy.shutdown], ids=["signal", "shutdown"])
@pytest.mark.filterwarnings("ignore")  # of rclpy, about what it could not take down
def test_what_fails_because_the_process_was_asked_to_end_is_an_end_as_asked(act, end):
    """Ctrl-C may only be seen by rclpy, as when it falls into a callback that swallows it."""
    with pytest.raises((KeyboardInterrupt, ExternalShutdownException)), ros([]):
        node = rclpy.create_node("node")
        end()
        act(node)


@pytest.mark.parametrize("kind", [RCLError, RuntimeError, ValueError])
def test_what_fails_by_itself_is_an_error(kind):
    with pytest.raises(kind, match="by itself"), ros([]):
        raise kind("by itself")
