"""What does not fit is refused on the live graph, by the node that meets it, with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from diagnostic_msgs.msg import DiagnosticStatus
from live import Live, run_process
from rclpy.duration import Duration
from sensor_msgs.msg import Image, JointState

from vla_core.robot.load import load_robot
from vla_msgs import msg
from vla_nodes.wire import qos, topics
from vla_nodes.wire.byte_buffer import ByteBuffer, floats_field
from vla_nodes.wire.conversions import to_nanoseconds
from vla_nodes.wire.images import fill_image

ERROR, WARN, OK = DiagnosticStatus.ERROR, DiagnosticStatus.WARN, DiagnosticStatus.OK


class FakeRobot:
    """Sends joint states and images of a robot, as right or as wrong as a test wants."""

    def __init__(self, live: Live) -> None:
        self.robot = load_robot("g1_inspire")
        self._clock = live.node.get_clock()
        node = live.node
        self._states = node.create_publisher(JointState, "/joint_states", qos.SENSOR_SOURCE)
        self._images = {
            name: node.create_publisher(Image, camera.topic, qos.SENSOR_SOURCE)
            for name, camera in self.robot.cameras.items()
        }
        self.restore()

    def restore(self) -> None:
        """All right again."""
        self.names = list(self.robot.joint_names)
        self.position = np.array(self.robot.ready_pose)
        self.parts = (slice(None),)
        self.cameras = ["front", "head"]
        self.size = (192, 192)
        self.encoding = "rgb8"
        self.brightness = 255
        self.ahead_s = 0.0

    def picture(self) -> np.ndarray:
        """The same picture at every call, brighter or darker."""
        noise = np.random.default_rng(0).integers(0, 256, (*self.size, 3), np.uint8)
        return np.uint8(noise * (self.brightness / 255))

    def send(self) -> None:
        """One of everything."""
        stamp = (self._clock.now() + Duration(seconds=self.ahead_s)).to_msg()
        for part in self.parts:
            position = self.position[part]
            state = JointState(name=self.names[part], position=floats_field(position))
            state.velocity = state.effort = floats_field(np.zeros(len(position)))
            state.header.stamp = stamp
            self._states.publish(state)
        for name in self.cameras:
            image = Image()
            fill_image(image, self.picture(), ByteBuffer())
            image.header.stamp = stamp
            image.encoding = self.encoding
            self._images[name].publish(image)


@pytest.fixture(scope="module")
def nodes(live: Live, policy: Path) -> Iterator[FakeRobot]:
    """Camera and command node, active, and the robot that feeds them."""
    ours = ["--ros-args", "-p", f"policy:={policy}"]
    live.start("camera_node", *ours, "-p", "simulated:=true")
    live.start("command_node", "--ros-args", "-p", "discovery_s:=0.2")
    live.listen(msg.Observation, topics.OBSERVATION, qos.LATEST)
    robot = FakeRobot(live)
    for name in ("camera_node", "command_node"):
        assert live.change(name, "configure"), live.log(name)
        live.wait_for_report(name, WARN, "inactive")
        assert live.change(name, "activate"), live.log(name)
    yield robot


@pytest.fixture
def robot(live: Live, nodes: FakeRobot) -> FakeRobot:
    """The robot, all right, and both nodes content with it."""
    nodes.restore()
    for name in ("camera_node", "command_node"):
        live.wait_for_report(name, OK, each=nodes.send)
    live.wait_until(lambda: topics.OBSERVATION in live.newest, "an observation", each=nodes.send)
    return nodes


def test_joint_states_in_another_order_are_put_in_order(live, robot):
    order = np.random.default_rng(1).permutation(len(robot.names))
    robot.names = [robot.names[i] for i in order]
    robot.position = robot.position[order] + 0.01
    live.wait_until(
        lambda: (
            topics.OBSERVATION in live.newest
            and np.allclose(
                live.newest[topics.OBSERVATION].position, np.array(robot.robot.ready_pose) + 0.01
            )
        ),
        "an observation in canonical order",
        each=robot.send,
    )
    assert tuple(live.newest[topics.OBSERVATION].joint_names) == robot.robot.joint_names


@pytest.mark.parametrize("node", ["camera_node", "command_node"])
def test_a_joint_that_stops_coming_is_waited_for_by_name_with_its_age(live, robot, node):
    robot.names[8] = "left_wrist_of_another_robot"
    missing = f"{robot.robot.joint_names[8]} (1 of 29 joints): last told"
    live.wait_for_report(node, WARN, missing, each=robot.send)


def test_arms_and_hands_from_two_publishers_make_whole_observations(live, robot):
    """Each message holds some of the joints; both nodes are content, and the positions are right."""
    robot.parts = (slice(0, 17), slice(17, None))
    robot.position = robot.position + 0.01
    live.wait_until(
        lambda: (
            topics.OBSERVATION in live.newest
            and np.allclose(live.newest[topics.OBSERVATION].position, robot.position)
        ),
        "an observation of both",
        each=robot.send,
    )
    for name in ("camera_node", "command_node"):
        live.wait_for_report(name, OK, each=robot.send)
    robot.parts = (slice(0, 17),)
    for name in ("camera_node", "command_node"):
        live.wait_for_report(name, WARN, "(12 of 29 joints): last told", each=robot.send)


def refused(live: Live, robot: FakeRobot, *words: str) -> None:
    """The camera node says so, and publishes nothing."""
    live.wait_for_report("camera_node", ERROR, *words, each=robot.send)
    since_ns = live.node.get_clock().now().nanoseconds
    total = lambda: value(live, "camera_node", "drops/head/refused")
    count = total()
    live.wait_until(lambda: total() > count, "more refusals", each=robot.send)
    newest = live.newest[topics.OBSERVATION]  # one of before may come late
    assert to_nanoseconds(newest.header.stamp) < since_ns


def value(live: Live, node: str, key: str) -> int:
    return int({p.key: p.value for p in live.reports[f"/{node}"].values}.get(key, 0))


def test_an_image_of_another_size_is_refused_by_camera(live, robot):
    robot.size = (100, 120)
    refused(live, robot, "'head'", "120x100", "192x192")


@pytest.mark.parametrize("encoding", ["16UC1", "bgr8"])
def test_an_image_of_another_encoding_is_refused_by_camera(live, robot, encoding):
    robot.encoding = encoding
    refused(live, robot, "'head'", repr(encoding), "'rgb8'")


def test_a_black_picture_is_refused_by_camera(live, robot):
    robot.brightness = 8
    refused(live, robot, "camera 'head': black: mean brightness")


def test_the_same_picture_is_refused_once_the_robot_moves(live, robot):
    robot.position[8] += 0.1  # the same picture was sent while it stood still, and passed
    refused(live, robot, "camera 'head': frozen: the same picture", "a joint moved by 0.100 rad")


def test_a_picture_from_the_future_is_refused_and_does_not_shadow_the_next(live, robot):
    robot.ahead_s = 5.0
    refused(live, robot, "s in the future; check the clocks")


def test_a_silent_camera_is_named(live, robot):
    robot.cameras = ["head"]
    live.wait_for_report("camera_node", WARN, "/front_camera/image_raw (front)", each=robot.send)


def test_a_second_command_node_is_refused_by_name(live, robot):
    live.start("newcomer", "--ros-args", "-r", "__node:=newcomer", module="nodes.command_node")
    assert live.change("newcomer", "configure")
    assert not live.change("newcomer", "activate")
    in_command = "/command_node commands this robot"
    live.wait_for_report("newcomer", ERROR, in_command, each=robot.send)
    live.wait_for_report("command_node", OK, each=robot.send)


def test_a_second_command_node_that_shares_no_lock_gives_way_once_discovered(live, robot, tmp_path):
    """As on another machine."""
    remapped = ("--ros-args", "-r", "__node:=stranger")
    live.start("stranger", *remapped, module="nodes.command_node", TMPDIR=str(tmp_path))
    assert live.change("stranger", "configure")
    live.change("stranger", "activate")  # refused, or given up as soon as the other is discovered
    in_command = "/command_node commands this robot"
    live.wait_for_report("stranger", ERROR, in_command, each=robot.send)
    live.wait_for_report("command_node", OK, each=robot.send)


def bring_up(live: Live, nodes: str, timeout_s: float) -> Callable[[], tuple[int, str]]:
    arguments = ["-p", f"nodes:='{nodes}'", "-p", f"timeout_s:={timeout_s}"]
    done = run_process(live.domain, "-m", "vla_nodes.nodes.bringup", "--ros-args", *arguments)
    return done.returncode, done.stdout + done.stderr


def test_the_bring_up_says_which_camera_it_waited_for(live, robot):
    robot.cameras = []
    live.wait_for_report("camera_node", WARN, "/front_camera/image_raw", each=robot.send)
    code, text = bring_up(live, "camera_node", 3.0)
    assert code == 1
    assert "camera_node is not ready after 3 s: waiting for " in text
    assert "/front_camera/image_raw (front)" in text


def test_the_bring_up_names_a_node_that_is_not_there(live):
    code, text = bring_up(live, "action_node", 1.0)
    assert code == 1
    assert "action_node did not appear within 1 s" in text


def start_intent_node(live: Live, name: str, folder: Path) -> tuple[int, str]:
    arguments = ["-r", f"__node:={name}", "-p", f"policy:={folder}"]
    live.start(name, "--ros-args", *arguments, module="nodes.intent_node")
    return bring_up(live, name, 30.0)


def test_unreadable_weights_are_refused_before_anything_moves(live, policy, tmp_path):
    broken = copy(policy, tmp_path / "broken")
    (broken / "weights.txt").write_text("no number")
    code, text = start_intent_node(live, "broken_node", broken)
    assert code == 1
    assert f"broken_node refused to configure: {broken / 'weights.txt'}: weights" in text


def test_a_policy_for_the_joints_in_another_order_is_refused(live, policy, tmp_path):
    other = copy(policy, tmp_path / "other")
    manifest = json.loads((other / "policy.json").read_text())
    names = manifest["joint_names"]
    names[3], names[4] = names[4], names[3]
    (other / "policy.json").write_text(json.dumps(manifest))
    code, text = start_intent_node(live, "other_node", other)
    assert code == 1
    assert "another order: at 3 it expects left_shoulder_roll_joint" in text


def copy(source: Path, target: Path) -> Path:
    target.mkdir()
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def test_a_parameter_outside_its_bounds_ends_the_node_in_one_line(live):
    done = run_process(
        live.domain, "-m", "vla_nodes.nodes.camera_node", "--ros-args", "-p", "rate_hz:=5000.0"
    )
    assert done.returncode == 1
    assert "rate_hz" in done.stderr and "Traceback" not in done.stderr
