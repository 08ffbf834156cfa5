"""Every controller gets the command of its own joints, in its own message, and no other's."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from rclpy.serialization import deserialize_message, serialize_message

from vla_core.command.command_core import CommandCore
from vla_core.errors import JointMismatchError
from vla_core.robot.description import CommandDescription, CommandInterface, ControllerDescription
from vla_core.robot.load import load_robot
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS, ControlMode
from vla_nodes.nodes.command.command_outputs import CommandOutputs
from vla_nodes.wire.command_messages import MESSAGE_TYPES, read_command

WHOLE = load_robot("g1_inspire")
SPLITS = (
    (("waist", "left_arm", "right_arm"), ("right_hand", "left_hand")),
    (("right_arm", "right_hand"), ("left_arm", "left_hand"), ("waist",)),
)
TABLE = [
    (groups, interfaces)
    for groups in SPLITS
    for interfaces in product(CommandInterface, repeat=len(groups))
]
NOW = 100 * NANOSECONDS


class Topics:
    """Stands for a node: keeps what is published, by topic, as it would be on the wire."""

    def __init__(self) -> None:
        self.sent: dict[str, list[Any]] = {}

    def create_publisher(self, message_type: type, topic: str, profile: Any) -> Any:
        sent = self.sent.setdefault(topic, [])

        class Publisher:
            def publish(self, message: Any) -> None:
                sent.append(deserialize_message(serialize_message(message), message_type))

        return Publisher()


def split(groups: tuple, interfaces: tuple) -> RobotModel:
    """The robot with a controller for each tuple of groups."""
    controllers = tuple(
        ControllerDescription(
            f"/controller_{place}",
            tuple(name for group in named for name in WHOLE.groups[group]),
            interface,
        )
        for place, (named, interface) in enumerate(zip(groups, interfaces, strict=True))
    )
    return RobotModel(replace(WHOLE, command=CommandDescription(controllers, 200.0)))


@pytest.mark.parametrize(("groups", "interfaces"), TABLE)
def test_a_controller_is_told_its_joints_in_its_order_and_message(groups, interfaces):
    robot, topics = split(groups, interfaces), Topics()
    core = CommandCore(robot.limits)
    core.on_joint_state(robot.joint_names, robot.ready_pose, np.zeros(robot.dof), NOW, NOW)
    assert core.request_mode(ControlMode.HOLD, NOW).accepted
    command = core.tick(NOW)
    outputs = CommandOutputs(topics, robot, 1, sends=True)
    outputs.send(command)
    told = np.full(robot.dof, np.nan)
    controllers = robot.description.command.controllers
    for controller, interface in zip(controllers, interfaces, strict=True):
        (message,) = topics.sent[controller.topic]
        assert type(message) is MESSAGE_TYPES[interface]
        columns = [robot.index(name) for name in controller.joint_names]
        assert np.isnan(told[columns]).all()
        told[columns] = read_command(message).in_order(controller.joint_names)[0]
    np.testing.assert_array_equal(told, command.position)


@pytest.mark.parametrize("interface", CommandInterface)
def test_a_command_of_other_joints_is_none(interface):
    robot = split(SPLITS[0], (interface, interface))
    first, second = robot.description.command.controllers
    from vla_nodes.programs.faults.second_commander import second_command

    received = read_command(second_command(first, np.zeros(len(first.joint_names))))
    assert received.in_order(first.joint_names).shape == (1, len(first.joint_names))
    with pytest.raises(JointMismatchError):
        received.in_order(second.joint_names)
