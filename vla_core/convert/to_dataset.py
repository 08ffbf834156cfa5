"""Bags into one LeRobot data set: an episode for each time that somebody moved the robot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from vla_core.convert.dataset_index import ConvertError
from vla_core.convert.dataset_writer import DatasetWriter
from vla_core.convert.frames import frames_of
from vla_core.convert.spans import spans_of
from vla_core.data.joint_state import JointStateReader
from vla_core.data.lerobot import video_keys
from vla_core.errors import JointMismatchError, ObservationError
from vla_core.replay.bag import Bag
from vla_core.replay.offline.bag_recording import LOST, BagRecording
from vla_core.replay.offline.recording import Event, JointStateCame, UnreadableCame
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS


def bags_to_dataset(
    bags: Sequence[Path],
    folder: Path,
    robot: RobotModel,
    rate_hz: int,
    instruction: str = "",
    simulated: bool = False,
    progress: Callable[[str, float], None] = lambda what, share: None,
    tell: Callable[[str], None] = lambda problem: None,
) -> dict[str, int]:
    """Convert bags; episodes that the folder has already are left as they are.

    Args:
        folder: of the data set; made, or gone on with.
        robot: its YAML names topics, joints, and the data set's keys of the cameras.
        rate_hz: frames a second of the data set.
        instruction: what was done, where a bag does not tell.
        simulated: whether pictures have the robot's simulated size, not the real one.
        progress: told what is being read, and how much of it has been.
        tell: told in words what is wrong with a bag, and what of it is lost.

    Returns:
        How many `episodes` and `frames` were added, `skipped` episodes that were there, and
        `unreadable` messages that were left out.

    Raises:
        VlaError: a bag cannot be read, tells no instruction while none is given, or what is written
            cannot be read back.
    """
    keys = video_keys(robot.description)
    cameras = {name: (keys[name], robot.cameras[name].size(simulated)) for name in keys}
    writer = DatasetWriter(folder, robot, cameras, rate_hz)
    done = dict.fromkeys(("episodes", "frames", "skipped", "unreadable"), 0)
    for path in bags:
        bag = Bag(path)
        spans = spans_of(bag, instruction)
        if any(not span.instruction for span in spans):
            raise ConvertError(
                f"{path}: does not tell what the robot was to do; give --instruction \"…\""
            )
        sources = [f"{path.resolve()}/{number}" for number in range(len(spans))]
        if all(writer.has(source) for source in sources):
            done["skipped"] += len(spans)
            continue
        recording = BagRecording(path, robot, list(keys), simulated)
        events = _readable(next(recording.episodes()).events, robot, bag, done, progress, tell)
        frames = frames_of(events, spans, list(keys), rate_hz)
        for number, numbered in groupby(frames, key=lambda each: each[0]):
            if writer.has(sources[number]):
                done["skipped"] += 1
                continue
            length = writer.add(
                sources[number], spans[number].instruction, (frame for _, frame in numbered)
            )
            done["frames"] += length
            done["episodes"] += length > 0
    return done


def _readable(
    events: Iterator[Event],
    robot: RobotModel,
    bag: Bag,
    done: dict[str, int],
    progress: Callable[[str, float], None],
    tell: Callable[[str], None],
) -> Iterator[Event]:
    """The events, joints in canonical order; what cannot be read is counted and left out."""
    reader, name = JointStateReader(robot.joint_names), bag.path.name
    begin_ns = None
    for event in events:
        begin_ns = event.now_ns if begin_ns is None else begin_ns
        passed_s = (event.now_ns - begin_ns) / NANOSECONDS
        progress(name, passed_s / bag.duration_s if bag.duration_s else 1.0)
        if isinstance(event, UnreadableCame):
            if event.source == LOST:
                tell(f"{bag.path}: {event.problem}")
            else:
                done["unreadable"] += 1
            continue
        if isinstance(event, JointStateCame):
            given = (event.names, event.position, event.velocity, event.stamp_ns)
            try:
                position = reader.read(*given).position
            except (JointMismatchError, ObservationError):
                done["unreadable"] += 1
                continue
            event = replace(event, names=robot.joint_names, position=position)
        yield event
    progress(name, 1.0)
