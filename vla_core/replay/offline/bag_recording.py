"""A rosbag2 or a ROS 1 bag as events, by the topics and joints of the robot's YAML."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from vla_core.data.image_decoding import checked_pixels
from vla_core.errors import JointMismatchError, ObservationError
from vla_core.replay.bag import Bag, BagError, BagMessage, joints_before_images, read_message
from vla_core.replay.offline.recording import (
    CommandCame,
    Event,
    ImageCame,
    JointStateCame,
    RecordedEpisode,
    UnreadableCame,
)
from vla_core.robot.description import (
    CameraDescription,
    CommandInterface,
    ControllerDescription,
    RobotDescription,
)
from vla_core.robot.model import RobotModel
from vla_core.robot.topics import with_full_names
from vla_core.types import NANOSECONDS

#: Source of an `UnreadableCame` that is about the bag itself.
LOST = "recording"
JOINT_STATE = "sensor_msgs/msg/JointState"
_COMMAND_TYPES = {
    CommandInterface.JOINT_STATE: JOINT_STATE,
    CommandInterface.JOINT_TRAJECTORY: "trajectory_msgs/msg/JointTrajectory",
    CommandInterface.FORWARD_COMMAND: "std_msgs/msg/Float64MultiArray",
}


def input_topics(
    robot: RobotDescription, cameras: Sequence[CameraDescription]
) -> dict[str, str]:
    """Topics that a policy needs of the robot, named as the description names them, and types."""
    topics = {camera.topic: f"sensor_msgs/msg/{camera.message.value}" for camera in cameras}
    return topics | {robot.joint_states_topic: JOINT_STATE}


class BagRecording:
    """One bag, which is one episode.

    Args:
        path: as for `Bag`.
        robot: names the topics.
        cameras: of the robot, those wanted, the one that sets the pace first.
        simulated: whether pictures have the robot's simulated size, not the real one.

    Raises:
        BagError: not a bag, or it lacks a topic.
    """

    instructions: tuple[str, ...] = ()

    def __init__(
        self, path: Path, robot: RobotModel, cameras: Sequence[str], simulated: bool = False
    ) -> None:
        self._bag = Bag(path)
        self._robot = robot
        self._simulated = simulated
        described = with_full_names(robot.description)
        chosen = [described.cameras[name] for name in cameras]
        self._cameras = {camera.topic: camera for camera in chosen}
        self._joint_states_topic = described.joint_states_topic
        topics = input_topics(described, chosen)
        self._bag.require(topics)
        self._commands = RecordedCommands(robot, self._bag)
        self._topics = [*topics, *self._commands.topics]
        self.frames = self._bag.topics[chosen[0].topic].count
        self.has_commands = bool(self._commands.topics)
        self.episode_names = (self._bag.path.name,)

    def episodes(self) -> Iterator[RecordedEpisode]:
        """The one."""
        yield RecordedEpisode(self.episode_names[0], "", self._events())

    def _events(self) -> Iterator[Event]:
        """What happened, as far as it can be read, and what of the bag is lost."""
        told = now_ns = 0
        with suppress(BagError):  # it cannot be read on: one of its problems
            for message in joints_before_images(self._bag.messages(self._topics)):
                now_ns = message.received_ns
                yield from self._lost(told, now_ns)
                told = len(self._bag.problems)
                try:
                    event = self._event(message)
                except (BagError, ObservationError, JointMismatchError) as error:
                    event = UnreadableCame(now_ns, message.topic, str(error))
                if event is not None:
                    yield event
        yield from self._lost(told, now_ns)

    def _lost(self, told: int, now_ns: int) -> Iterator[UnreadableCame]:
        """Problems of the bag behind the first `told` ones."""
        for problem in self._bag.problems[told:]:
            yield UnreadableCame(now_ns, LOST, problem)

    def _event(self, message: BagMessage) -> Event | None:
        fields, now_ns = read_message(message), message.received_ns
        if (camera := self._cameras.get(message.topic)) is not None:
            started_s = time.perf_counter()
            pixels = checked_pixels(fields, camera, camera.size(self._simulated))
            took_s = time.perf_counter() - started_s
            return ImageCame(now_ns, _stamp_ns(fields), camera.name, pixels, took_s)
        if message.topic == self._joint_states_topic:
            return JointStateCame(
                now_ns, _stamp_ns(fields), fields.name, fields.position, fields.velocity
            )
        return self._commands.read(message.topic, fields, now_ns)


class RecordedCommands:
    """What the robot was told in a bag: `recording.command_topic`, else its own command topics.

    Args:
        robot: names the topics and joints.
        bag: where they are, or not.

    Attributes:
        topics: those that the bag has; empty where it lacks any.
    """

    def __init__(self, robot: RobotModel, bag: Bag) -> None:
        description = with_full_names(robot.description)
        self._robot = robot
        controllers = description.command.controllers
        if (asked := description.recording.command_topic) in bag.topics:
            interface = CommandInterface.JOINT_STATE
            controllers = (ControllerDescription(asked, robot.joint_names, interface),)
        named = {controller.topic: controller for controller in controllers}
        self._controllers = named if set(named) <= set(bag.topics) else {}
        self.topics = tuple(self._controllers)
        bag.require({c.topic: _COMMAND_TYPES[c.interface] for c in self._controllers.values()})
        self._position = np.full(robot.dof, np.nan)

    def read(self, topic: str, message: Any, now_ns: int) -> CommandCame | None:
        """The whole robot's targets once every controller has had one.

        Raises:
            ObservationError: another number of values than joints.
            JointMismatchError: joints of another robot.
        """
        stamp_ns, controller = now_ns, self._controllers[topic]
        if controller.interface is CommandInterface.FORWARD_COMMAND:
            names, values = controller.joint_names, message.data
        elif controller.interface is CommandInterface.JOINT_STATE:
            names, values, stamp_ns = message.name, message.position, _stamp_ns(message)
        else:  # the first point is the command, the others are how it would stop
            if not message.points:
                return None
            names, values = message.joint_names, message.points[0].positions
            stamp_ns = _stamp_ns(message) or now_ns
        if len(names) != len(values):
            raise ObservationError(f"{topic}: got {len(values)} values, expected {len(names)}")
        self._position[[self._robot.index(name) for name in names]] = values
        if np.isnan(self._position).any():
            return None
        return CommandCame(now_ns, stamp_ns, self._position.copy())


def _stamp_ns(message: Any) -> int:
    stamp = message.header.stamp
    return stamp.sec * NANOSECONDS + stamp.nanosec
