"""`python -m vla_nodes.programs.faults.second_commander ROBOT WHICH`: another node that commands a robot.

On the topic of its first or last controller: every 20 ms where the controller's joints are, as a
program does that begins where the robot is. Until SIGINT.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
import rclpy
from builtin_interfaces.msg import Duration
from rclpy.executors import ExternalShutdownException
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, Header, MultiArrayDimension
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_core.robot.description import CommandInterface, ControllerDescription
from vla_core.robot.model import RobotModel
from vla_core.signals import catch_signals
from vla_nodes.base.polled_subscription import PolledSubscription
from vla_nodes.base.ros_context import ros
from vla_nodes.nodes.fault_injector_node import INJECTED
from vla_nodes.wire import qos
from vla_nodes.wire.command_messages import MESSAGE_TYPES
from vla_nodes.wire.conversions import to_time

FIRST, LAST = "second_commander_first", "second_commander_last"
_PLACES = {FIRST: 0, LAST: -1}
_MARK = "second_commander"
_PERIOD_S, _DISCOVERY_TIMEOUT_S = 0.02, 10.0
_SOON = Duration(nanosec=50_000_000)

CommandMessage = JointTrajectory | Float64MultiArray | JointState


def second_command(controller: ControllerDescription, position: np.ndarray) -> CommandMessage:
    """A command of the second commander: `(joints,)` positions in the controller's order."""
    names, values = list(controller.joint_names), position.tolist()
    if controller.interface is CommandInterface.JOINT_TRAJECTORY:
        point = JointTrajectoryPoint(positions=values, time_from_start=_SOON)
        message = JointTrajectory(joint_names=names, points=[point])
    elif controller.interface is CommandInterface.JOINT_STATE:
        message = JointState(name=names, position=values)
    else:
        message = Float64MultiArray(data=values)
        message.layout.dim = [MultiArrayDimension(label=_MARK)]
        return message
    message.header.frame_id = _MARK
    return message


def is_of_second_commander(message: CommandMessage) -> bool:
    """Whether a command is none of the command node's, but of `second_command`."""
    if isinstance(message, Float64MultiArray):
        return any(dimension.label == _MARK for dimension in message.layout.dim)
    return message.header.frame_id == _MARK


def main(arguments: Sequence[str] | None = None) -> None:
    """Command until SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("robot", help="by name or YAML")
    parser.add_argument("which", choices=tuple(_PLACES))
    args = parser.parse_args(arguments)
    catch_signals()
    try:
        robot = RobotModel.load(args.robot)
        controller = robot.description.command.controllers[_PLACES[args.which]]
        columns = [robot.index(name) for name in controller.joint_names]
        with ros([]):
            node = rclpy.create_node("second_commander")
            injected = node.create_publisher(Header, INJECTED, qos.LATCHED)
            states = PolledSubscription(
                node, JointState, robot.description.joint_states_topic, qos.SENSOR
            )
            kind = MESSAGE_TYPES[controller.interface]
            publisher = node.create_publisher(kind, controller.topic, qos.COMMAND)
            injected.publish(Header(stamp=to_time(time.time_ns()), frame_id=args.which))
            end_s = time.monotonic() + _DISCOVERY_TIMEOUT_S
            measured = None
            while rclpy.ok():
                measured = states.newest() or measured
                if measured is not None:
                    position = robot.to_canonical(measured.name, np.array(measured.position))
                    publisher.publish(second_command(controller, position[columns]))
                elif time.monotonic() > end_s:
                    raise SystemExit(f"no joint states within {_DISCOVERY_TIMEOUT_S:g} s")
                time.sleep(_PERIOD_S)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == "__main__":
    main()
