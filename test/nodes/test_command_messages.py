"""Commands mean the same in every message that a robot takes, and a lost node stops the robot."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from vla_core.command.command_core import CommandCore
from vla_core.errors import ChunkError
from vla_core.robot.description import CommandInterface
from vla_core.robot.joint_limits import JointLimits
from vla_core.types import NANOSECONDS, ControlMode
from vla_nodes.wire.command_messages import CommandWriter, read_command
from vla_nodes.wire.safety_messages import SafetyStatusWriter

NAMES = ("left", "right")
NOW = 100 * NANOSECONDS
MS = 1_000_000


@pytest.fixture
def command():
    limits = JointLimits(
        NAMES, -np.ones(2), np.ones(2), np.ones(2), 5 * np.ones(2), 50 * np.ones(2)
    )
    core = CommandCore(limits)
    core.on_joint_state(NAMES, np.array([0.25, -0.5]), np.zeros(2), NOW, NOW)
    assert core.request_mode(ControlMode.HOLD, NOW).accepted
    return core.tick(NOW)


@pytest.mark.parametrize("interface", CommandInterface)
def test_every_message_carries_the_command(command, interface):
    message = CommandWriter(interface, NAMES).write(command)
    received = read_command(deserialize_message(serialize_message(message), type(message)))
    assert received.joint_names in (NAMES, ())
    np.testing.assert_array_equal(received.target(NOW + NANOSECONDS), command.position)


def test_a_trajectory_is_followed_between_its_points_and_kept_at_its_end():
    message = JointTrajectory(joint_names=list(NAMES))
    message.header.stamp.sec = 100
    for time_s, position in ((0.0, [0.0, 0.0]), (1.0, [1.0, -1.0])):
        from trajectory_msgs.msg import JointTrajectoryPoint

        point = JointTrajectoryPoint(positions=position)
        point.time_from_start.sec = int(time_s)
        message.points.append(point)
    received = read_command(message)
    np.testing.assert_allclose(received.target(NOW - 1), [0, 0])
    np.testing.assert_allclose(received.target(NOW + NANOSECONDS // 4), [0.25, -0.25])
    np.testing.assert_allclose(received.target(NOW + 9 * NANOSECONDS), [1, -1])


def test_a_trajectory_that_ended_before_it_came_is_over_and_positions_alone_never_are(command):
    for interface in CommandInterface:
        received = read_command(CommandWriter(interface, NAMES).write(command))
        assert not received.is_over(NOW + 50 * MS)
        assert received.is_over(NOW + 60 * MS) == (interface is CommandInterface.JOINT_TRAJECTORY)


@pytest.mark.parametrize(
    "message", [JointTrajectory(), Float64MultiArray(), Float64MultiArray(data=[float("nan")])]
)
def test_empty_or_broken_commands_are_refused(message):
    with pytest.raises(ChunkError, match="no positions, or some that are not finite"):
        read_command(message)


def test_a_writer_keeps_no_points_of_a_longer_stop(command):
    import dataclasses

    from vla_core.command.command import StopTail

    long = StopTail(np.arange(5) * 0.1, np.ones((5, 2)), np.zeros((5, 2)))
    writer = CommandWriter(CommandInterface.JOINT_TRAJECTORY, NAMES)
    assert len(writer.write(dataclasses.replace(command, tail=long)).points) == 5
    assert len(writer.write(command).points) == len(command.tail.time_s) < 5


def test_the_safety_status_mirrors_the_tick(command):
    message = SafetyStatusWriter(NAMES).write(command, -3.5, 200.0)
    message = deserialize_message(serialize_message(message), type(message))
    assert message.mode == ControlMode.HOLD and message.tick == command.status.tick
    np.testing.assert_array_equal(message.commanded, command.position)
    assert message.observation_age_s == -1.0 and message.period_error_us == -3.5
    assert len(message.constraints) == len(message.constraint_amounts)
