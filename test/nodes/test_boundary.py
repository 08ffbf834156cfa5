"""One message ends no node: what cannot be read is refused by name, counted, and said briefly."""

from __future__ import annotations

import ast
import os
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Float64MultiArray, String
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_core.bounded_text import LONGEST, bounded_text
from vla_core.errors import VlaError
from vla_core.observation.image_decoding import (
    checked_pixels,
    decode_compressed_image,
    decode_image,
)
from vla_core.robot.description import CameraDescription, ImageMessage
from vla_msgs import msg
from vla_nodes.base import boundary
from vla_nodes.base.boundary import Boundary, BoundedPlainNode
from vla_nodes.base.polled_subscription import PolledSubscription
from vla_nodes.base.suite_node import SuiteNode
from vla_nodes.observe.graph_observer import read_command_tick
from vla_nodes.programs.faults.hostile_messages import HostileMessages
from vla_nodes.wire import conversions, observation_messages, qos
from vla_nodes.wire.command_messages import read_command
from vla_nodes.wire.handover_messages import read_teleop_target
from vla_nodes.wire.tensors import read_tensor

pytestmark = pytest.mark.live

TIMEOUT_S = 20.0
SOURCES = sorted(Path(boundary.__file__).parents[1].rglob("*.py"))
#: What they make is ROS 2 launch's, or only speaks.
OTHERS = ("launch_graph.py", "flood.py", "hostile_sender.py", "second_commander.py")
NAN, INF = float("nan"), float("inf")


def tensor(**fields) -> msg.Tensor:
    return msg.Tensor(**({"name": "foresight", "dtype": "float32"} | fields))


def trajectory(*lengths: int, times: tuple[int, ...] = (), joints: int = 2) -> JointTrajectory:
    message = JointTrajectory(joint_names=[f"joint{i}" for i in range(joints)])
    for place, length in enumerate(lengths):
        point = JointTrajectoryPoint(positions=[0.0] * length)
        point.time_from_start.sec = times[place] if times else place
        message.points.append(point)
    return message


def jpeg(width: int, height: int) -> CompressedImage:
    """A picture of 16 x 16 whose header says another size."""
    data = cv2.imencode(".jpg", np.full((16, 16, 3), 90, np.uint8))[1].tobytes()
    at = data.index(b"\xff\xc0") + 5
    data = data[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + data[at + 4 :]
    return CompressedImage(format="jpeg", data=array("B", data))


def picture(encoding: str, width: int, height: int, channels: int) -> Image:
    data = array("B", bytes(width * height * channels))
    step = width * channels
    return Image(encoding=encoding, width=width, height=height, step=step, data=data)


def state(**fields) -> msg.ExecutionState:
    return msg.ExecutionState(**fields)


UNREADABLE: tuple[tuple[str, Callable, object], ...] = (
    ("no mode 250; there are", conversions.read_mode, msg.ControlMode(mode=250)),
    ("no mode 250; there are", conversions.read_mode, msg.SafetyStatus(mode=250)),
    ("no mode 250", conversions.read_execution_state, state(mode=msg.ControlMode(mode=250))),
    ("not finite", conversions.read_execution_state, state(delay_steps=NAN)),
    ("not finite", conversions.read_execution_state, state(delay_steps=INF)),
    ("none is negative", conversions.read_execution_state, state(path_lag_s=-1.0)),
    ("the speed at most 1", conversions.read_execution_state, state(path_speed=1e30)),
    (r"dtype '\(2,' is no number type", read_tensor, tensor(dtype="(2,")),
    ("dtype 'O' is no number type", read_tensor, tensor(dtype="O")),
    ("dtype 'U9' is no number type", read_tensor, tensor(dtype="U9")),
    ("got 65 dimensions, at most 8", read_tensor, tensor(shape=[1] * 65)),
    ("got 0 bytes, expected 737", read_tensor, tensor(shape=[65536] * 4)),
    ("got 4 bytes, expected 24", read_tensor, tensor(shape=[2, 3], data=array("B", bytes(4)))),
    ("2 tensors of 1 names", conversions.read_intent, msg.LatentIntent(tensors=[tensor()] * 2)),
    ("got 65 tensors", conversions.read_intent, msg.LatentIntent(tensors=[tensor()] * 65)),
    ("not finite", conversions.read_intent, msg.LatentIntent(lookahead_s=NAN)),
    ("got 1001 characters", conversions.read_intent, msg.LatentIntent(instruction="x" * 1001)),
    ("got 1001 characters", conversions.read_instruction, msg.Instruction(text="x" * 1001)),
    ("got 1 targets, expected 2 steps x 0", conversions.read_chunk,
     msg.ActionChunk(horizon=2, targets=[0.0])),
    ("1 constraints, 0 subjects", conversions.read_constraints,
     msg.SafetyStatus(constraints=["jerk"])),
    ("0 velocities for 1 joints", conversions.read_command_state,
     msg.SafetyStatus(joint_names=["elbow"], commanded=[0.0])),
    ("not finite", read_command_tick, msg.SafetyStatus(observation_age_s=INF)),
    ("not finite", conversions.read_command_state,
     msg.SafetyStatus(joint_names=["elbow"], commanded=[NAN], velocity=[0.0])),
    (r"points of \[1, 2\] positions", read_command, trajectory(2, 1)),
    ("got 1 positions for 2 joints", read_command, trajectory(1, 1)),
    ("do not increase", read_command, trajectory(2, 2, times=(1, 0))),
    ("do not increase", read_command, trajectory(2, 2, times=(-1, 0))),
    ("holds no positions", read_command, trajectory()),
    ("odd width", decode_image, picture("yuyv", 3, 2, 2)),
    ("odd width", decode_image, picture("uyvy", 3, 2, 2)),
    ("bgr8 image 0x0", decode_image, picture("bgr8", 0, 0, 3)),
    ("bgr8 image 2x0", decode_image, Image(encoding="bgr8", width=2, step=6)),
    ("bayer_rggb8 image", decode_image, picture("bayer_rggb8", 1, 0, 1)),
    ("is not supported", decode_image, picture("\x1b[2J", 2, 2, 3)),
    ("4225000000 pixels", decode_compressed_image, jpeg(65000, 65000)),
    ("says 10000x10000 pixels", decode_compressed_image, jpeg(10000, 10000)),
    ("cannot be decoded", decode_compressed_image, CompressedImage(format="jpeg")),
    ("cannot be decoded", decode_compressed_image,
     CompressedImage(format="png", data=array("B", b"\x89PNG\r\n\x1a\n" + bytes(40)))),
)  # fmt: skip


@pytest.mark.parametrize(("words", "read", "message"), UNREADABLE)
def test_what_cannot_be_read_is_refused_by_name(words, read, message):
    with pytest.raises(VlaError, match=words):
        read(message)


READERS: tuple[tuple[Callable, type], ...] = (
    (conversions.read_mode, msg.ControlMode),
    (conversions.read_execution_state, msg.ExecutionState),
    (conversions.read_intent, msg.LatentIntent),
    (conversions.read_instruction, msg.Instruction),
    (conversions.read_chunk, msg.ActionChunk),
    (conversions.read_command_state, msg.SafetyStatus),
    (conversions.read_constraints, msg.SafetyStatus),
    (read_command_tick, msg.SafetyStatus),
    (lambda message: observation_messages.read_observation(message, ()), msg.Observation),
    (read_teleop_target, msg.TeleopTarget),
    (read_tensor, msg.Tensor),
    (read_command, JointTrajectory),
    (read_command, Float64MultiArray),
    (read_command, JointState),
    (decode_image, Image),
    (decode_compressed_image, CompressedImage),
)


@pytest.mark.parametrize(("read", "kind"), READERS, ids=lambda given: given.__name__)
def test_a_reader_gives_what_it_read_or_says_why_not(read, kind):
    """Whatever is wrong in whatever field: a refusal, never a bug."""
    hostile = HostileMessages(kind, seed=11)
    for _ in range(200):
        message = hostile.next().message
        if isinstance(message, bytes):
            continue
        try:
            read(message)
        except VlaError as refused:
            assert len(bounded_text(str(refused))) <= LONGEST


def test_a_jpeg_of_another_size_than_the_camera_is_not_decompressed(monkeypatch):
    camera = CameraDescription(
        "head", "/head", ImageMessage.COMPRESSED_IMAGE, None, None, 16, 16, "jpeg", 16, 16
    )
    assert checked_pixels(jpeg(16, 16), camera, (16, 16)).shape == (16, 16, 3)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("was decompressed"))
    with pytest.raises(VlaError, match="got 8000x6000 pixels, expected 16x16"):
        checked_pixels(jpeg(8000, 6000), camera, (16, 16))


@pytest.mark.parametrize(
    "text", ["short", "x" * 2_000_000, "\x1b[2J\x07\n" * 100_000, "\udcff" * 999, "…é漢" * 500]
)
def test_what_is_said_is_short_and_without_control_characters(text):
    said = bounded_text(f"begin {text} correct the YAML")
    assert len(said) <= LONGEST and said.isprintable()
    assert said.startswith("begin ") and said.endswith(" correct the YAML")


# Of a node


class Listener(SuiteNode):
    """Hears a text, and raises what a test wants."""

    def __init__(self) -> None:
        super().__init__("listener")
        self.heard: list[str] = []
        self.raises: Exception | None = None
        self.logged: list[str] = []
        self.get_logger().error = self.logged.append
        self.create_subscription(String, "words", self._on_words, 100)
        self.create_service(SetBool, "serve", lambda *_: self._on_words(String()))

    def _on_words(self, message: String) -> None:
        if self.raises is not None:
            raise self.raises
        self.heard.append(message.data)


@pytest.fixture
def ros(monkeypatch) -> Iterator[None]:
    """A domain of its own, that nobody else on this machine hears."""
    monkeypatch.setenv("ROS_DOMAIN_ID", str(101 + os.getpid() % 19))  # of no live graph
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init(args=[])
    yield
    rclpy.shutdown()


@pytest.fixture
def node(ros) -> Iterator[Listener]:
    made = Listener()
    yield made
    made.destroy_node()


def until(done: Callable[[], object], each: Callable[[], object] = lambda: None) -> None:
    end_s = time.monotonic() + TIMEOUT_S
    while not done():
        assert time.monotonic() < end_s
        each()


def serve(node: Listener) -> Callable[[], None]:
    return lambda: rclpy.spin_once(node, timeout_sec=0.02)


def speaker(node: Listener):
    publisher = node.create_publisher(String, "words", 100)
    until(publisher.get_subscription_count)
    return publisher


@pytest.mark.parametrize(
    "error", [VlaError("no such words"), ValueError("x" * 999), KeyError(1), AssertionError()]
)
def test_whatever_a_callback_raises_is_a_refusal_and_the_next_message_is_heard(node, error):
    publisher, node.raises = speaker(node), error
    publisher.publish(String(data="bad"))
    until(lambda: node.meters.drops["words/refused"], serve(node))
    node.raises = None
    publisher.publish(String(data="good"))
    until(lambda: node.heard, serve(node))
    assert node.heard == ["good"]
    assert node.logged[0].startswith("words: ")
    assert len(node.logged[0].partition("\n")[0]) <= LONGEST
    assert ("Traceback" in node.logged[0]) is not isinstance(error, VlaError)
    assert all(len(text) < 5000 for text in node.logged)


def test_a_thousand_refusals_are_counted_and_said_once_a_second(node):
    node.raises = VlaError("\n" * 1_000_000)
    publisher, begun_s = speaker(node), time.monotonic()
    for _ in range(1000):
        publisher.publish(String())
        serve(node)()
    until(lambda: node.meters.drops["words/refused"] >= 900, serve(node))
    assert len(node.logged) <= 1 + (time.monotonic() - begun_s) / boundary.LOG_AGAIN_S
    assert sum(map(len, node.logged)) <= LONGEST * len(node.logged)
    assert len(node._problem) <= LONGEST


def test_a_message_larger_than_its_topic_can_need_is_refused_before_it_is_read(node, monkeypatch):
    monkeypatch.setattr(
        boundary, "deserialize_message", lambda *_: pytest.fail("was made a message")
    )
    speaker(node).publish(String(data="x" * 1_000_000))
    until(lambda: node.meters.drops["words/refused"], serve(node))
    assert "bytes, expected a String of at most 65536" in node.logged[0]


def test_bytes_that_are_no_message_are_refused(node):
    publisher = speaker(node)
    for data in (b"", b"\x00", b"\x00\x01\x00\x00", b"\x00\x01\x00\x00\xff\xff\xff\xff"):
        publisher.publish(data)
    publisher.publish(String(data="good"))
    until(lambda: "good" in node.heard, serve(node))


def test_a_request_that_a_node_fails_on_is_answered(node):
    node.raises = ValueError("no such words")
    client = node.create_client(SetBool, "serve")
    until(client.service_is_ready)
    answer = client.call_async(SetBool.Request())
    until(answer.done, serve(node))
    assert not answer.result().success
    assert answer.result().message == "ValueError: no such words"


def test_what_rclpy_itself_subscribes_to_comes_through_the_boundary(node):
    """A clock before 1970 ended every node in simulated time."""
    from rclpy.parameter import Parameter
    from rosgraph_msgs.msg import Clock

    node.set_parameters([Parameter("use_sim_time", value=True)])
    publisher = node.create_publisher(Clock, "/clock", 10)
    until(publisher.get_subscription_count)
    message = Clock()
    message.clock.sec = -5
    publisher.publish(message)
    until(lambda: node.meters.drops["/clock/refused"], serve(node))


def test_a_polled_subscription_gives_the_newest_message_that_can_be_read(ros):
    node = BoundedPlainNode("poller")
    polled = PolledSubscription(node, JointState, "joints", qos.SENSOR)
    publisher = node.create_publisher(JointState, "joints", qos.SENSOR_SOURCE)
    until(publisher.get_subscription_count)
    publisher.publish(JointState(name=["good"]))
    publisher.publish(JointState(name=["x" * 99] * 9999))
    publisher.publish(serialize_message(JointState(name=["bad"]))[:-9])
    got = []
    until(lambda: got, lambda: got.extend(filter(None, [polled.newest()])))
    assert got[0].name == ["good"]
    polled.boundary.deliver(lambda message: 1 / 0, got[0])  # ends nothing


def test_a_boundary_says_what_it_got_and_expected(ros):
    node = BoundedPlainNode("reader")
    said = []
    node.refuse = lambda reason, kind: said.append((kind, reason))
    assert Boundary(node, JointState, "joints", 100).read(bytes(101)) is None
    assert said == [
        ("joints/refused", "joints: got 101 bytes, expected a JointState of at most 100")
    ]


# Of the sources


def _names(tree: ast.AST) -> Iterator[str]:
    for inner in ast.walk(tree):
        if isinstance(inner, ast.Attribute):
            yield inner.attr
        elif isinstance(inner, ast.Name):
            yield inner.id


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_node_of_the_suite_stands_behind_its_boundary(path):
    """Whatever subscribes on such a node does so through it; nothing makes a node of another kind.

    Bytes become a message in one place.
    """
    tree = ast.parse(path.read_text())
    for inner in ast.walk(tree):
        if isinstance(inner, ast.ClassDef):
            bases = [name for base in inner.bases for name in _names(base)]
            if {"Node", "LifecycleNode"} & set(bases):
                assert bases[0] == "BoundedNode", f"{path}: {inner.name}"
        if isinstance(inner, ast.Call) and path.name not in OTHERS:
            called = list(_names(inner.func))
            assert not {"create_node", "Node", "LifecycleNode"} & set(called), path
            assert path.name == "boundary.py" or "deserialize_message" not in called, path
