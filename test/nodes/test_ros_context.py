"""Into ROS and out of it, whatever ends what is done in between."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

import rclpy
from live import free_domain
from rclpy._rclpy_pybind11 import RCLError

from vla_nodes.ros_context import ros


@pytest.fixture(autouse=True)
def domain(monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", str(free_domain()))


def test_ros_is_there_within_and_can_begin_again_after():
    for _ in range(2):
        with ros([]):
            assert rclpy.ok()
            rclpy.create_node("node").destroy_node()
        assert not rclpy.ok()


def test_what_fails_because_the_process_was_asked_to_end_is_an_end_as_asked():
    """Ctrl-C may only be seen by rclpy, as when it falls into a callback that swallows it."""
    with pytest.raises(KeyboardInterrupt), ros([]):
        node = rclpy.create_node("node")
        rclpy.shutdown()
        rclpy.create_node("another" + node.get_name())


def test_what_fails_by_itself_is_an_error():
    with pytest.raises(RCLError, match="by itself"), ros([]):
        raise RCLError("by itself")
