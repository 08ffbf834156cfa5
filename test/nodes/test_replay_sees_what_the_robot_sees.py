"""The camera node and an offline replay make the same observations of the same messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

import cv2
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, JointState
from swaying_robot import CAMERA_TOPIC, WHOLE_ROBOT, picture, write_bag

from vla_core.metrics.listener import ReplayListener
from vla_core.policies.baselines.hold import hold_policy
from vla_core.recordings.bags.bag import (
    Bag,
    BagError,
    BagMessage,
    joints_before_images,
    read_message,
)
from vla_core.recordings.sources.open_recording import open_recording
from vla_core.replay.offline.replay import OfflineReplay
from vla_core.replay.offline.settings import OfflineSettings
from vla_core.robot.model import RobotModel
from vla_nodes.base.ros_context import ros
from vla_nodes.nodes.camera_node import CameraNode
from vla_nodes.wire.observation_messages import read_observation

FRAMES = range(24)
CLASSES = {CAMERA_TOPIC: CompressedImage, "/joint_states": JointState}


def full_size(frame: int) -> bytes:
    """Black once, as a camera that fails."""
    pixels = np.zeros((480, 640, 3), np.uint8) if frame == 9 else picture(frame)
    return cv2.imencode(".jpg", cv2.resize(pixels, (640, 480)))[1].tobytes()


@pytest.fixture(scope="module")
def bag(tmp_path_factory) -> Path:
    return write_bag(
        tmp_path_factory.mktemp("bag") / "sway", frames=FRAMES, picture_of=full_size
    )


@pytest.fixture
def live(bag, tmp_path):
    """What the camera node publishes of the bag's messages, each at the time it was received."""
    manifest = hold_policy(RobotModel(WHOLE_ROBOT)).system1.manifest
    manifest.save(tmp_path)
    arguments = ["--ros-args", "-p", "robot:=g1_bottle", "-p", f"policy:={tmp_path}"]
    published = []

    class Kept:
        """Keeps what is published as a subscriber would get it."""

        def publish(self, message):
            published.append(deserialize_message(serialize_message(message), type(message)))

    class Node(CameraNode):
        clock_ns = 0

        def create_lifecycle_publisher(self, *arguments, **options):
            return Kept()

        def destroy_lifecycle_publisher(self, publisher):
            return True

        def now_ns(self):
            return self.clock_ns

    with ros(arguments):
        node = Node()
        node.trigger_configure()
        heard = {s.topic_name: s for s in node.subscriptions}
        for message in joints_before_images(Bag(bag).messages(CLASSES)):
            node.clock_ns = message.received_ns
            kind, subscription = CLASSES[message.topic], heard[message.topic]
            taken = message.data if subscription.raw else deserialize_message(message.data, kind)
            subscription.callback(taken)
        refused = node.meters.drops["head/refused"]
        node.close()
        node.destroy_node()
    return [read_observation(m, WHOLE_ROBOT.joint_names) for m in published], refused


class Seen(ReplayListener):
    def __init__(self) -> None:
        self.observations = []

    def observed(self, seen):
        self.observations.append(seen)


def test_live_messages_and_a_bag_give_the_same_observations(live, bag):
    robot, seen = RobotModel(WHOLE_ROBOT), Seen()
    recording = open_recording(bag, robot, ["head"])
    replay = OfflineReplay(robot, hold_policy(robot), OfflineSettings("Stay."))
    result = replay.run(recording, listeners=[seen])
    observations, refused = live
    assert refused == sum(result["refused"]["counts"].values()) == 1
    assert len(observations) == len(seen.observations) == len(FRAMES) - 1
    for one, other in zip(observations, seen.observations, strict=True):
        assert (one.stamp_ns, one.sequence) == (other.stamp_ns, other.sequence)
        assert one.skew_s == pytest.approx(other.skew_s, abs=1e-7)
        assert np.array_equal(one.images["head"], other.images["head"])
        assert np.array_equal(one.position, other.position)
        assert np.array_equal(one.velocity, other.velocity)


@pytest.mark.parametrize("given", [{}, {"velocity": [0.1, 0.2]}, {"effort": [3.0, 4.0]}])
def test_what_rclpy_writes_with_empty_arrays_is_read(given):
    sent = JointState(name=["shoulder", "elbow"], position=[1.0, 2.0], **given)
    kind = "sensor_msgs/msg/JointState"
    read = read_message(BagMessage("/joint_states", kind, 0.0, serialize_message(sent), 0))
    assert list(read.name) == sent.name
    for field in ("position", "velocity", "effort"):
        assert list(getattr(read, field)) == list(getattr(sent, field))


@pytest.mark.parametrize("length", [0, 3, 20, 40])
def test_a_message_that_was_cut_off_is_refused_by_topic_and_time(length):
    data = serialize_message(JointState(name=["shoulder", "elbow"], position=[1.0, 2.0]))
    cut = BagMessage("/joint_states", "sensor_msgs/msg/JointState", 1.5, data[:length], 0)
    with pytest.raises(BagError, match=r"/joint_states .* at 1.500 s cannot be read"):
        read_message(cut)
