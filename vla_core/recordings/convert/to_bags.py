"""A LeRobot data set into bags, one an episode, with the topics of the robot's YAML."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from vla_core.observation.picture_size import resized_picture
from vla_core.paths import root
from vla_core.recordings.bags.bag_writer import BagWriter, RecordedMessage, RecordedTopic
from vla_core.recordings.bags.mcap_scan import McapScan
from vla_core.recordings.convert.dataset_index import ConvertError
from vla_core.recordings.sources.bag_recording import LOST
from vla_core.recordings.sources.lerobot_recording import LeRobotRecording
from vla_core.recordings.sources.recording import (
    CommandCame,
    Event,
    ImageCame,
    JointStateCame,
    RecordedEpisode,
    UnreadableCame,
)
from vla_core.robot.description import CameraDescription, ImageMessage
from vla_core.robot.model import RobotModel
from vla_core.robot.topics import with_full_names
from vla_core.types import NANOSECONDS, ControlMode

_JOINT_STATE = "sensor_msgs/msg/JointState"
_INSTRUCTION, _MODE = "vla_msgs/msg/Instruction", "vla_msgs/msg/ControlMode"
#: Folder of the bag that is being written.
_UNFINISHED = ".unfinished"
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95]


def dataset_to_bags(
    dataset: Path,
    folder: Path,
    robot: RobotModel,
    progress: Callable[[str, float], None] = lambda what, share: None,
    tell: Callable[[str], None] = lambda problem: None,
) -> dict[str, int]:
    """Convert every episode; bags that are there already are left as they are.

    An episode that cannot be read is left out, and told; the others go on.

    Args:
        folder: of the bags; made, or gone on with.
        robot: its YAML names topics, joints, and the data set's keys of the cameras.
        progress: told which episode is written, and how much of the data set has been.
        tell: told in words what is wrong with an episode, and what is left out.

    Returns:
        How many `episodes` and `frames` were written, `skipped` episodes that were there, and
        `lost` ones that cannot be read.

    Raises:
        VlaError: the data set cannot be read, the robot's YAML names no `recording.command_topic`,
            or a folder cannot be made.
    """
    if robot.description.recording.command_topic is None:
        raise ConvertError(
            f"{robot.description.source}, recording.command_topic: is missing; name the topic on "
            "which bags have the joint targets"
        )
    recording = LeRobotRecording(dataset, robot, list(robot.cameras))
    if recording.depths:
        tell(f"{dataset}: {', '.join(recording.depths)} is left out: bags are made without depth")
    done = dict.fromkeys(("episodes", "frames", "skipped", "lost"), 0)
    passed = 0

    def passing(name: str) -> None:
        nonlocal passed
        passed += 1
        progress(name, passed / max(1, recording.frames))

    for number, episode in enumerate(recording.episodes()):
        path = folder / f"episode_{number:06d}"
        if path.exists():
            done["skipped"] += 1
            continue
        part = folder / _UNFINISHED / path.name
        shutil.rmtree(part, ignore_errors=True)
        try:
            counts = _write(part, episode, robot, tell, lambda path=path: passing(path.name))
        except _Lost as lost:
            tell(f"{dataset}: {lost}")
            done["lost"] += 1
        else:
            _verify(part, counts)
            part.rename(path)
            done["episodes"] += 1
            done["frames"] += counts[with_full_names(robot.description).joint_states_topic]
        shutil.rmtree(part.parent)
    return done


def _write(
    part: Path,
    episode: RecordedEpisode,
    robot: RobotModel,
    tell: Callable[[str], None],
    passing: Callable[[], None],
) -> Counter[str]:
    """Write an episode's bag; how many messages it has of each topic.

    Args:
        passing: told of each picture of the first camera.

    Raises:
        _Lost: the episode cannot be read on.
    """
    messages, bag = EpisodeMessages(robot), BagWriter(part, NANOSECONDS)
    first_camera = next(iter(with_full_names(robot.description).cameras.values()))
    try:
        for topic in messages.topics():
            bag.add_topic(topic)
        for message in messages.of(episode.instruction, _readable(episode.events, tell)):
            bag.write(message)
            bag.flush_if_due(message.log_ns)
            if message.topic == first_camera.topic:
                passing()
    finally:
        bag.close()
    return bag.counts


class _Lost(Exception):
    """An episode cannot be read on."""


def _readable(events: Iterator[Event], tell: Callable[[str], None]) -> Iterator[Event]:
    """The events of an episode; ends with `_Lost` where it cannot be read."""
    for event in events:
        if not isinstance(event, UnreadableCame):
            yield event
        elif event.source == LOST:
            raise _Lost(event.problem)
        else:
            tell(event.problem)


def _verify(folder: Path, written: Counter[str]) -> None:
    """Read a bag back.

    Raises:
        ConvertError: messages are missing, or a checksum is wrong.
    """
    (file,) = folder.glob("*.mcap")
    scan = McapScan(file)
    found = Counter(message.channel.topic for message in scan.messages())
    if scan.losses or found != written:
        raise ConvertError(f"{file}: holds {dict(found)} of {dict(written)}; is the disk sound?")


class EpisodeMessages:
    """Events of an episode as messages, by the robot's YAML.

    Args:
        robot: with a `recording.command_topic`.
    """

    def __init__(self, robot: RobotModel) -> None:
        self._robot = robot
        self._described = with_full_names(robot.description)
        self._store = get_typestore(Stores.ROS2_JAZZY)
        for name in (_INSTRUCTION, _MODE):
            path = root() / "vla_msgs" / "msg" / f"{name.rpartition('/')[2]}.msg"
            self._store.register(get_types_from_msg(path.read_text(), name))
        self._types = {
            **{camera.topic: f"sensor_msgs/msg/{camera.message.value}"
               for camera in self._described.cameras.values()},
            self._described.joint_states_topic: _JOINT_STATE,
            self._described.recording.command_topic: _JOINT_STATE,
            "/vla/instruction": _INSTRUCTION,
            "/vla/mode": _MODE,
        }  # fmt: skip

    def topics(self) -> Iterator[RecordedTopic]:
        """All that messages come on."""
        for name, kind in self._types.items():
            definition, _ = self._store.generate_msgdef(kind, ros_version=2)
            yield RecordedTopic(name, kind, definition, self._store.hash_rihs01(kind))

    def of(self, instruction: str, events: Iterator[Any]) -> Iterator[RecordedMessage]:
        """The instruction, POLICY, each event, and HOLD behind the last."""
        description = self._described
        last_ns = None
        for event in events:
            if last_ns is None:
                yield self.message("/vla/instruction", event.now_ns, 1, instruction)
                yield self.mode(event.now_ns, ControlMode.POLICY)
            last_ns = event.now_ns
            if isinstance(event, JointStateCame):
                yield self._joints(description.joint_states_topic, event.now_ns, event.position)
            elif isinstance(event, CommandCame):
                topic = description.recording.command_topic
                yield self._joints(topic, event.now_ns, event.position)
            elif isinstance(event, ImageCame):
                yield self._picture(description.cameras[event.camera], event)
        if last_ns is not None:
            yield self.mode(last_ns + 1, ControlMode.HOLD)

    def mode(self, now_ns: int, mode: ControlMode) -> RecordedMessage:
        """A change of mode."""
        return self.message("/vla/mode", now_ns, int(mode), "converted from a data set")

    def _joints(self, topic: str, now_ns: int, position: np.ndarray) -> RecordedMessage:
        nothing = np.empty(0)
        values = np.ascontiguousarray(position, np.float64)
        return self.message(topic, now_ns, list(self._robot.joint_names), values, nothing, nothing)

    def _picture(self, camera: CameraDescription, event: ImageCame) -> RecordedMessage:
        """In the robot's size where the data set keeps another: nodes refuse what is not theirs."""
        pixels, (height, width) = event.pixels, camera.size(simulated=False)
        if pixels.shape[:2] not in ((height, width), camera.size(simulated=True)):
            pixels = resized_picture(pixels, height, width)
        if camera.message is ImageMessage.COMPRESSED_IMAGE:
            bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
            _, data = cv2.imencode(".jpg", bgr, _JPEG)
            return self.message(camera.topic, event.now_ns, "jpeg", data.reshape(-1))
        height, width, _ = pixels.shape
        data = np.ascontiguousarray(pixels).reshape(-1)
        return self.message(
            camera.topic, event.now_ns, height, width, "rgb8", 0, 3 * width, data
        )

    def message(self, topic: str, now_ns: int, *fields: Any) -> RecordedMessage:
        """A message whose first field is a header; `fields` are the others."""
        types, kind = self._store.types, self._types[topic]
        time = types["builtin_interfaces/msg/Time"](*divmod(now_ns, NANOSECONDS))
        message = types[kind](types["std_msgs/msg/Header"](time, ""), *fields)
        data = bytes(self._store.serialize_cdr(message, kind))
        return RecordedMessage(topic, now_ns, now_ns, data)
