"""A rosbag2 or a ROS 1 bag as events, by the topics and joints of the robot's YAML."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from vla_core.contract.specification import CameraSpec
from vla_core.errors import JointMismatchError, ObservationError
from vla_core.observation.depth import decode_depth
from vla_core.observation.image_decoding import checked_pixels
from vla_core.recordings.bags.bag import (
    Bag,
    BagError,
    BagMessage,
    joints_before_images,
    read_message,
)
from vla_core.recordings.bags.bag_namespace import namespace_in
from vla_core.recordings.bags.part import Part
from vla_core.recordings.sources.recorded_commands import RecordedCommands
from vla_core.recordings.sources.recording import (
    DepthCame,
    Event,
    ImageCame,
    IntrinsicsCame,
    JointStateCame,
    RecordedEpisode,
    UnreadableCame,
)
from vla_core.robot.description import CameraDescription, RobotDescription
from vla_core.robot.model import RobotModel
from vla_core.robot.topics import with_full_names
from vla_core.types import NANOSECONDS

#: Source of an `UnreadableCame` that is about the bag itself.
LOST = "recording"
JOINT_STATE = "sensor_msgs/msg/JointState"
IMAGE, CAMERA_INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"


def input_topics(
    robot: RobotDescription,
    cameras: Sequence[CameraDescription],
    specs: Sequence[CameraSpec] = (),
) -> dict[str, str]:
    """Topics that a policy needs of the robot, named as the description names them, and types.

    Args:
        cameras: whose pictures it needs.
        specs: which of them it needs depth or geometry of; it fits the robot.
    """
    topics = {camera.topic: f"sensor_msgs/msg/{camera.message.value}" for camera in cameras}
    for spec in specs:
        camera = robot.cameras[spec.name]
        if spec.depth:
            topics[camera.depth_topic] = IMAGE
        if spec.geometry:
            topics[camera.info_topic] = CAMERA_INFO
    return topics | dict.fromkeys(robot.joint_states_topics, JOINT_STATE)


class BagRecording:
    """One bag, which is one episode.

    Args:
        path: as for `Bag`.
        robot: names the topics.
        cameras: of the robot, those wanted, the one that sets the pace first.
        simulated: whether pictures have the robot's simulated size, not the real one.
        part: of the bag.
        without: groups that may have no commands.
        namespace: of the robot in the bag; None: the only one that it can be.
        specs: which cameras' depth or geometry is wanted, too.

    Attributes:
        bag: what is read.
        namespace: of the robot in it.
        commands: what the robot was told.

    Raises:
        BagError: not a bag, it lacks a topic, holds several robots, or not the part.
    """

    instructions: tuple[str, ...] = ()

    def __init__(
        self,
        path: Path,
        robot: RobotModel,
        cameras: Sequence[str],
        simulated: bool = False,
        part: Part = Part(),
        without: Collection[str] = (),
        namespace: str | None = None,
        specs: Sequence[CameraSpec] = (),
    ) -> None:
        self.bag = Bag(path)
        part.check(self.bag.duration_s)
        self._part = part
        self._robot = robot
        self._simulated = simulated
        self.namespace = namespace_in(path, self.bag.topics, robot.description, namespace)
        described = with_full_names(robot.description, self.namespace)
        chosen = [described.cameras[name] for name in cameras]
        self._cameras = {camera.topic: camera for camera in chosen}
        self._joint_states_topics = described.joint_states_topics
        wanted = [(spec, described.cameras[spec.name]) for spec in specs]
        self._depths = {camera.depth_topic: camera for spec, camera in wanted if spec.depth}
        self._infos = {camera.info_topic: camera for spec, camera in wanted if spec.geometry}
        topics = input_topics(described, chosen, specs)
        self.bag.require(topics)
        self.bag.choose_clock(topics)
        self.commands = RecordedCommands(robot, described, self.bag, without)
        self._topics = [*topics, *self.commands.topics]
        self.frames = self.bag.topics[chosen[0].topic].count
        self.has_commands = not self.commands.missing
        self.episode_names = (self.bag.path.name,)

    def episodes(self) -> Iterator[RecordedEpisode]:
        """The one."""
        yield RecordedEpisode(self.episode_names[0], "", self._events())

    def _events(self) -> Iterator[Event]:
        """What happened, as far as it can be read, and what of the bag is lost."""
        told = now_ns = 0
        with suppress(BagError):  # it cannot be read on: one of its problems
            messages = self.bag.messages(self._topics, self._part.from_s, self._part.to_s)
            for message in joints_before_images(messages):
                now_ns = message.received_ns
                yield from self._lost(told, now_ns)
                told = len(self.bag.problems)
                going_on = self.commands.at(now_ns)
                if going_on is not None:
                    yield going_on
                try:
                    event = self._event(message)
                except (BagError, ObservationError, JointMismatchError) as error:
                    event = UnreadableCame(now_ns, message.topic, str(error))
                if event is not None:
                    yield event
        yield from self._lost(told, now_ns)

    def _lost(self, told: int, now_ns: int) -> Iterator[UnreadableCame]:
        """Problems of the bag behind the first `told` ones."""
        for problem in self.bag.problems[told:]:
            yield UnreadableCame(now_ns, LOST, problem)

    def _event(self, message: BagMessage) -> Event | None:
        fields, now_ns = read_message(message), message.received_ns
        if (camera := self._cameras.get(message.topic)) is not None:
            started_s = time.perf_counter()
            pixels = checked_pixels(fields, camera, camera.size(self._simulated))
            took_s = time.perf_counter() - started_s
            return ImageCame(now_ns, _stamp_ns(fields), camera.name, pixels, took_s)
        if (camera := self._depths.get(message.topic)) is not None:
            return DepthCame(now_ns, _stamp_ns(fields), camera.name, decode_depth(fields))
        if (camera := self._infos.get(message.topic)) is not None:
            matrix, size = np.reshape(fields.k, (3, 3)), (fields.height, fields.width)
            return IntrinsicsCame(now_ns, camera.name, matrix, size)
        if message.topic in self._joint_states_topics:
            return JointStateCame(
                now_ns, _stamp_ns(fields), fields.name, fields.position, fields.velocity
            )
        return self.commands.take(message.topic, fields, now_ns)


def _stamp_ns(message: Any) -> int:
    stamp = message.header.stamp
    return stamp.sec * NANOSECONDS + stamp.nanosec
