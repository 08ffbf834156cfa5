"""A second commander of any controller is named: it keeps a command node from taking command, and
one that comes later stops the robot and keeps it in HOLD."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from diagnostic_msgs.msg import DiagnosticStatus
from live import Live
from sensor_msgs.msg import JointState

from vla_core.paths import robot_file
from vla_core.robot.description import CommandInterface, RobotDescription
from vla_core.robot.load import load_robot
from vla_core.types import ControlMode
from vla_msgs import msg
from vla_nodes.programs.faults.second_commander import second_command
from vla_nodes.wire import qos, topics
from vla_nodes.wire.byte_buffer import floats_field
from vla_nodes.wire.command_messages import MESSAGE_TYPES, read_command
from vla_nodes.wire.conversions import to_time

TRAJECTORY, POSITIONS, STATES = CommandInterface
CONTROLLERS = {
    "right": ("/right/joint_trajectory", TRAJECTORY, ["right_arm", "right_hand"]),
    "left": ("/left/commands", POSITIONS, ["left_arm", "left_hand"]),
    "waist": ("/waist/command", STATES, ["waist"]),
}
NAMES = tuple(CONTROLLERS)


def write_robot(folder: Path) -> Path:
    """The shipped robot with three controllers, each of another interface."""
    source = robot_file("g1_inspire")
    raw = yaml.safe_load(source.read_text())
    raw["urdf"] = str((source.parent / raw["urdf"]).resolve())
    raw["safety"] = str((source.parent / raw["safety"]).resolve())
    raw["command"] = {
        "rate_hz": raw["command"]["rate_hz"],
        "controllers": {
            name: {"topic": topic, "interface": interface.value, "groups": groups}
            for name, (topic, interface, groups) in CONTROLLERS.items()
        },
    }
    file = folder / "three.yaml"
    file.write_text(yaml.safe_dump(raw, sort_keys=False))
    return file


class Robot:
    """Joint states of a robot that stands where it is."""

    def __init__(self, live: Live, description: RobotDescription) -> None:
        self.description = description
        self._clock = live.node.get_clock()
        self._states = live.node.create_publisher(
            JointState, description.joint_states_topic, qos.SENSOR_SOURCE
        )

    def send(self) -> None:
        zeros = floats_field(np.zeros(len(self.description.joints)))
        state = JointState(
            name=list(self.description.joint_names),
            position=floats_field(self.description.ready_pose),
            velocity=zeros,
            effort=zeros,
        )
        state.header.stamp = to_time(self._clock.now().nanoseconds)
        self._states.publish(state)


class Intruder:
    """A node that commands one controller; it sends where its joints are."""

    def __init__(self, live: Live, robot: RobotDescription, place: int) -> None:
        self._live = live
        self.controller = robot.command.controllers[place]
        self.node = rclpy.create_node("teleop_script", context=live.context)
        kind = MESSAGE_TYPES[self.controller.interface]
        self._publisher = self.node.create_publisher(kind, self.controller.topic, qos.COMMAND)
        columns = [robot.joint_names.index(name) for name in self.controller.joint_names]
        self._message = second_command(self.controller, robot.ready_pose[columns])

    def send(self) -> None:
        self._publisher.publish(self._message)

    def leave(self) -> None:
        self.node.destroy_node()


@pytest.fixture(scope="module")
def robot(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    """A command node, configured, and the robot that feeds it."""
    file = write_robot(tmp_path_factory.mktemp("robot"))
    live.start("command_node", "--ros-args", "-p", "discovery_s:=0.2", "-p", f"robot:={file}")
    live.listen(msg.ControlMode, topics.MODE, qos.LATCHED)
    live.listen(msg.SafetyStatus, topics.SAFETY_STATUS)
    assert live.change("command_node", "configure"), live.log("command_node")
    made = Robot(live, load_robot(file))
    live.node.create_timer(0.02, made.send)
    return made


@pytest.fixture
def in_policy(live: Live, robot: Robot) -> Robot:
    """The command node is active and the policy in command."""
    report = live.reports.get("/command_node")
    if report is None or "active" not in {p.value for p in report.values}:
        live.wait_until(lambda: live.change("command_node", "activate"), "it is alone")
    if live.newest.get(topics.MODE, msg.ControlMode()).mode != ControlMode.POLICY:
        live.wait_until(lambda: live.ask_mode(ControlMode.HOLD).accepted, "HOLD")
        live.wait_until(lambda: live.ask_mode(ControlMode.POLICY).accepted, "POLICY")
    live.wait_for_mode(ControlMode.POLICY)
    return robot


@pytest.mark.parametrize("place", range(3), ids=NAMES)
def test_who_commands_a_controller_already_keeps_command(live, robot, place):
    intruder = Intruder(live, robot.description, place)
    topic = intruder.controller.topic
    live.wait_until(lambda: live.node.count_publishers(topic), "the intruder is known")
    assert not live.change("command_node", "activate")
    live.wait_for_report("command_node", DiagnosticStatus.ERROR, "/teleop_script", topic)
    intruder.leave()
    live.wait_until(lambda: not live.node.count_publishers(topic), "the intruder has left")


@pytest.mark.parametrize("place", range(3), ids=NAMES)
def test_who_comes_later_stops_the_robot_is_named_and_keeps_it_in_hold(live, in_policy, place):
    intruder = Intruder(live, in_policy.description, place)
    topic = intruder.controller.topic
    said = ("/teleop_script", topic)

    def reason(mode: ControlMode) -> str:
        newest = live.newest[topics.MODE]
        return newest.reason if newest.mode == mode else ""

    why = live.wait_until(lambda: reason(ControlMode.HOLD), "HOLD", each=intruder.send)
    assert all(word in why for word in said), why
    answer = live.ask_mode(ControlMode.POLICY)
    assert not answer.accepted and all(word in answer.reason for word in said), answer.reason
    live.wait_for_report("command_node", DiagnosticStatus.ERROR, *said, each=intruder.send)
    status = live.newest[topics.SAFETY_STATUS]
    assert dict(zip(status.constraints, status.constraint_subjects, strict=True))[
        "other_commander"
    ] == topic
    intruder.leave()
    live.wait_until(lambda: live.ask_mode(ControlMode.POLICY).accepted, "POLICY once it has left")
    live.wait_for_mode(ControlMode.POLICY)


def test_every_controller_is_told_its_own_joints(live, in_policy):
    heard = {}
    subscriptions = [
        live.node.create_subscription(
            MESSAGE_TYPES[controller.interface],
            controller.topic,
            lambda message, topic=controller.topic: heard.setdefault(topic, message),
            qos.COMMAND,
        )
        for controller in in_policy.description.command.controllers
    ]
    live.wait_until(lambda: len(heard) == len(NAMES), "a command of each")
    robot = in_policy.description
    ready = dict(zip(robot.joint_names, robot.ready_pose, strict=True))
    for controller in robot.command.controllers:
        told = read_command(heard[controller.topic]).in_order(controller.joint_names)[0]
        np.testing.assert_allclose(told, [ready[n] for n in controller.joint_names], atol=1e-6)
    for subscription in subscriptions:
        live.node.destroy_subscription(subscription)
