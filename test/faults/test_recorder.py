"""Injector and recorder in one process: what passes, what is altered, what is kept of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_core.faults.judgement import Evidence
from vla_core.robot.model import RobotModel
from vla_core.types import ControlMode
from vla_msgs import msg
from vla_nodes.base.boundary import BoundedPlainNode
from vla_nodes.nodes.fault_injection.fault_graph import routes
from vla_nodes.nodes.fault_injection.transforms import JOINTS
from vla_nodes.nodes.fault_injector_node import FaultInjectorNode
from vla_nodes.programs.faults.fault_recorder import FaultRecorder
from vla_nodes.programs.faults.second_commander import second_command
from vla_nodes.wire import qos, topics
from vla_nodes.wire.byte_buffer import floats_field
from vla_nodes.wire.conversions import mode_message, to_time

TIMEOUT_S = 20.0


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_inspire")


@pytest.fixture
def node():
    """A node on a domain of its own, that nobody else on this machine hears."""
    before = {k: os.environ.get(k) for k in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE")}
    os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    rclpy.init(args=[])
    node = BoundedPlainNode("test")
    yield node
    rclpy.shutdown()
    for name, value in before.items():
        os.environ.pop(name)
        if value is not None:
            os.environ[name] = value


def until(done: Callable[[], object], each: Callable[[], object]) -> None:
    end_s = time.monotonic() + TIMEOUT_S
    while not done():
        assert time.monotonic() < end_s
        each()
        time.sleep(0.002)


def joint_state(robot: RobotModel, offset: float = 0.0) -> JointState:
    message = JointState(name=list(robot.joint_names))
    message.position = floats_field(robot.ready_pose + offset)
    message.velocity = message.effort = floats_field(np.zeros(robot.dof))
    message.header.stamp = to_time(time.time_ns())
    return message


def recorder_of(node, robot: RobotModel) -> FaultRecorder:
    streams = {route.name: route for route in routes(robot.description, ["head", "front"])}
    return FaultRecorder(node, robot, streams[JOINTS])


def test_a_stream_passes_as_it_is_until_a_fault_takes_hold(node, robot):
    injector = FaultInjectorNode()
    assert injector.trigger_configure() and injector.trigger_activate()
    recorder = recorder_of(node, robot)
    got: list[JointState] = []
    topic = robot.description.joint_states_topic
    node.create_subscription(JointState, topic, got.append, qos.SENSOR)
    robot_side = node.create_publisher(JointState, f"before_faults/{topic}", qos.SENSOR_SOURCE)

    def work() -> None:
        robot_side.publish(joint_state(robot))
        injector.look_for_a_fault()
        injector.pass_on()
        recorder.poll()
        rclpy.spin_once(node, timeout_sec=0)

    until(lambda: got, work)
    assert np.allclose(got[-1].position, robot.ready_pose)
    assert recorder.injected_ns("joints_stuck", 0) is None
    injector.set_parameters([Parameter("fault", value="joints_stuck")])
    begun_ns = time.time_ns()
    until(lambda: recorder.injected_ns("joints_stuck", begun_ns), work)
    until(lambda: set(got[-1].position) == {-1.0}, work)
    assert begun_ns <= recorder.injected_ns("joints_stuck", begun_ns) <= time.time_ns()
    assert np.allclose(recorder.motion().position, robot.ready_pose)  # the robot's own side
    injector.set_parameters([Parameter("fault", value="")])
    until(lambda: np.allclose(got[-1].position, robot.ready_pose), work)
    injector.close()
    injector.destroy_node()


def test_an_unknown_fault_is_refused_by_name(node):
    injector = FaultInjectorNode()
    assert injector.trigger_configure() and injector.trigger_activate()
    (result,) = injector.set_parameters([Parameter("fault", value="earthquake")])
    assert "got 'earthquake', expected one of '', camera_stopped" in result.reason
    injector.close()
    injector.destroy_node()


def test_a_command_arrives_at_a_time_of_the_robot_s_clock_which_its_joint_states_tell(node, robot):
    recorder = recorder_of(node, robot)
    (controller,) = robot.description.command.controllers
    command = node.create_publisher(JointTrajectory, controller.topic, qos.COMMAND)
    joints = node.create_publisher(
        JointState, f"before_faults/{robot.description.joint_states_topic}", qos.SENSOR_SOURCE
    )
    state = joint_state(robot)

    def speak() -> None:
        state.header.stamp = to_time(time.time_ns() + 10 * 10**9)
        joints.publish(state)
        command.publish(JointTrajectory())
        recorder.poll()

    until(
        lambda: len(recorder.motion().time_ns) > 1 and len(recorder.commands(controller)) > 1, speak
    )
    ahead_s = [(c.robot_ns - c.arrived_ns) * 1e-9 for c in recorder.commands(controller)]
    assert ahead_s[-1] == pytest.approx(10.0, abs=0.5)


def test_commands_and_who_said_what_are_kept_in_time(node, robot):
    recorder = recorder_of(node, robot)
    (controller,) = robot.description.command.controllers
    command = node.create_publisher(JointTrajectory, controller.topic, qos.COMMAND)
    status = node.create_publisher(msg.SafetyStatus, topics.SAFETY_STATUS, qos.STATUS)
    mode = node.create_publisher(msg.ControlMode, topics.MODE, qos.LATCHED)
    diagnostics = node.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 10)

    def trajectory(value: float, names=robot.joint_names) -> JointTrajectory:
        point = JointTrajectoryPoint(positions=[value] * len(names))
        point.time_from_start.nanosec = 5_000_000
        message = JointTrajectory(joint_names=list(names), points=[point])
        message.header.stamp = to_time(7_000_000_000)
        return message

    until(
        lambda: recorder.commands(controller),
        lambda: (command.publish(trajectory(0.0)), recorder.poll()),
    )
    recorder.clear()
    assert len(recorder.commands(controller)) == 1  # the newest is kept: what comes next follows it
    backwards = robot.joint_names[::-1]
    command.publish(second_command(controller, np.ones(robot.dof)))  # is not counted
    for message in (
        trajectory(0.25),
        trajectory(float("nan")),
        trajectory(0.5, [*backwards[:-1], "tail_joint"]),
    ):
        count = len(recorder.commands(controller))
        command.publish(message)
        until(lambda: len(recorder.commands(controller)) > count, recorder.poll)  # noqa: B023
    _, good, nan, stranger = recorder.commands(controller)
    assert (good.position == 0.25).all() and good.stamp_ns == 7_000_000_000
    assert np.allclose(good.time_s, [0.005])
    assert np.isnan(nan.position).all() and np.isnan(stranger.position).all()

    recorder.add_evidence(Evidence(time.time_ns(), "process x was ended by SIGKILL"))
    reports = (
        (status, msg.SafetyStatus(constraints=["chunk_stale"])),
        (status, msg.SafetyStatus(constraints=["chunk_stale", "velocity"])),
        (mode, mode_message(ControlMode.ESTOP, "pressed", 8_000_000_000)),
        (
            diagnostics,
            DiagnosticArray(
                status=[
                    DiagnosticStatus(level=DiagnosticStatus.OK, name="/a", message="running"),
                    DiagnosticStatus(level=DiagnosticStatus.WARN, name="/b", message="waiting\nx"),
                ]
            ),
        ),
    )
    for publisher, message in reports:
        until(publisher.get_subscription_count, recorder.poll)
        count = len(recorder.evidence())
        publisher.publish(message)
        until(lambda: len(recorder.evidence()) > count, recorder.poll)  # noqa: B023
    assert [item.text for item in recorder.evidence()] == [
        "process x was ended by SIGKILL",
        "constraint chunk_stale",
        "constraint velocity",
        "mode ESTOP: pressed",
        "diagnostics b: waiting",
    ]
    assert [emergency.start_ns for emergency in recorder.emergencies()] == [8_000_000_000]
