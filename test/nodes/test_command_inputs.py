"""What comes to the command node is heard, whatever else is on the topic."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from unittest.mock import MagicMock

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from std_msgs.msg import Bool

from vla_core.command.command_core import CommandCore
from vla_core.robot.joint_limits import JointLimits
from vla_core.types import ControlMode
from vla_nodes.base.suite_node import SuiteNode
from vla_nodes.nodes.command.command_inputs import CommandInputs
from vla_nodes.nodes.command_node import CommandNode
from vla_nodes.wire import qos, topics

TIMEOUT_S = 20.0
ONE = np.ones(1)


@pytest.fixture
def node(monkeypatch) -> Iterator[SuiteNode]:
    """A node on a domain of its own, that nobody else on this machine hears."""
    monkeypatch.setenv("ROS_DOMAIN_ID", str(101 + os.getpid() % 19))  # of no live graph
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init(args=[])
    yield SuiteNode("test")
    rclpy.shutdown()


def until(done: Callable[[], object], each: Callable[[], object] = lambda: None) -> None:
    end_s = time.monotonic() + TIMEOUT_S
    while not done():
        assert time.monotonic() < end_s
        each()
        time.sleep(0.005)


def test_a_press_of_the_emergency_stop_is_not_lost_among_many_who_say_released(node):
    core = CommandCore(JointLimits(("elbow",), -ONE, ONE, ONE, ONE, ONE))
    inputs = CommandInputs(node, core, ["/joint_states"])
    button, flood = (node.create_publisher(Bool, topics.ESTOP, qos.ESTOP) for _ in range(2))
    until(lambda: button.get_subscription_count() and flood.get_subscription_count())
    button.publish(Bool(data=True))
    for _ in range(500):
        flood.publish(Bool(data=False))
    until(lambda: core.mode is ControlMode.ESTOP, lambda: inputs.deliver(inputs.take(), 0))
    inputs.destroy()
    node.close()


def test_a_tick_reads_its_clock_after_its_messages_so_that_none_is_from_the_future():
    node = MagicMock()
    CommandNode._tick(node)
    called = [name for name, *_ in node.mock_calls]
    assert called.index("_inputs.take") < called.index("now_ns") < called.index("_inputs.deliver")
