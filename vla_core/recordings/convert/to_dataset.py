"""Bags into one LeRobot data set: an episode for each time that somebody moved the robot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from vla_core.contract.specification import CameraSpec
from vla_core.recordings.convert.dataset_index import ConvertError
from vla_core.recordings.convert.dataset_writer import DatasetWriter
from vla_core.recordings.convert.frames import Frame, frames_of
from vla_core.recordings.convert.readable_events import Refused, readable_events
from vla_core.recordings.convert.spans import Span, spans_of
from vla_core.recordings.lerobot.dataset import video_keys
from vla_core.recordings.sources.bag_recording import BagRecording
from vla_core.robot.model import RobotModel
from vla_core.robot.topics import with_full_names


def bags_to_dataset(
    bags: Sequence[Path],
    folder: Path,
    robot: RobotModel,
    rate_hz: int,
    instruction: str = "",
    simulated: bool = False,
    progress: Callable[[str, float], None] = lambda what, share: None,
    tell: Callable[[str], None] = lambda problem: None,
    without: Collection[str] = (),
    namespace: str | None = None,
    depths: Collection[str] = (),
) -> dict[str, int]:
    """Convert bags; episodes that the folder has already are left as they are.

    Args:
        folder: of the data set; made, or gone on with.
        robot: its YAML names topics, joints, and the data set's keys of the cameras.
        rate_hz: frames a second of the data set.
        instruction: what was done, where a bag does not tell.
        simulated: whether pictures have the robot's simulated size, not the real one.
        progress: told what is being read, and how much of it has been.
        tell: told in words what is wrong with a bag, and what of it is lost or left out.
        without: groups whose action may be where they were, as no commands of them are recorded.
        namespace: of the robot in the bags; None: the only one that it can be.
        depths: cameras whose depth is written, too.

    Returns:
        How many `episodes` and `frames` were added, `skipped` episodes that were there,
        `unreadable` messages that were left out, and `bags_of_nothing`.

    Raises:
        VlaError: a bag cannot be read, tells no instruction while none is given, holds no commands
            of a group that is not in `without`, or no depth that is asked for, or what is written
            cannot be read back.
    """
    keys = video_keys(robot.description)
    cameras = {name: (keys[name], robot.cameras[name].size(simulated)) for name in keys}
    _refuse_unknown(without, robot)
    _refuse_flat(depths, robot)
    writer = DatasetWriter(folder, robot, cameras, rate_hz, depths=depths)
    specs = [CameraSpec(name, *cameras[name][1], depth=True) for name in depths]
    done = dict.fromkeys(("episodes", "frames", "skipped", "unreadable", "bags_of_nothing"), 0)
    for path in bags:
        recording = BagRecording(
            path, robot, list(keys), simulated, without=without, namespace=namespace, specs=specs
        )
        if left := " ".join(_left_out(recording, robot, depths)):
            tell(f"{path}: depth of {left} is left out; --depth {left} writes it")
        spans = spans_of(recording.bag, instruction, recording.namespace)
        if any(not span.instruction for span in spans):
            raise ConvertError(
                f"{path}: does not tell what the robot was to do; give --instruction \"…\""
            )
        refused = Refused()
        events = readable_events(
            next(recording.episodes()).events, robot, recording.bag, without, refused, progress,
            tell,
        )  # fmt: skip
        frames = frames_of(events, spans, list(keys), rate_hz, list(depths))
        for name, count in _add(recording, spans, frames, refused, writer, tell).items():
            done[name] += count
    return done


def _add(
    recording: BagRecording,
    spans: Sequence[Span],
    frames: Iterator[tuple[int, Frame]],
    refused: Refused,
    writer: DatasetWriter,
    tell: Callable[[str], None],
) -> dict[str, int]:
    """What a bag adds to the data set, counted as `bags_to_dataset` does."""
    path = recording.bag.path
    sources = [f"{path.resolve()}/{number}" for number in range(len(spans))]
    if sources and all(writer.has(source) for source in sources):
        return {"skipped": len(spans)}
    if recording.commands.missing:
        raise ConvertError(_no_commands(path, recording.commands.missing))
    added = {"episodes": 0, "frames": 0, "skipped": 0}
    for number, numbered in groupby(frames, key=lambda each: each[0]):
        if writer.has(sources[number]):
            added["skipped"] += 1
            continue
        length = writer.add(
            sources[number], spans[number].instruction, (frame for _, frame in numbered)
        )
        added["frames"] += length
        added["episodes"] += length > 0
    for problem in refused.told():
        tell(f"{path}: {problem}")
    if recording.commands.never:
        raise ConvertError(_no_commands(path, recording.commands.never))
    nothing = not added["episodes"] + added["skipped"]
    if nothing:
        tell(f"{path}: nothing of it was converted: {_why_nothing(spans, refused)}")
    return {**added, "unreadable": refused.counts.total(), "bags_of_nothing": int(nothing)}


def _refuse_flat(cameras: Collection[str], robot: RobotModel) -> None:
    """Raises `ConvertError` for a camera that has no depth."""
    deep = [name for name, camera in robot.cameras.items() if camera.depth_topic]
    if flat := [name for name in cameras if name not in deep]:
        raise ConvertError(
            f"{robot.description.source}: no depth_topic of camera {', '.join(flat)}; those of "
            f"{', '.join(deep) or 'no camera'} are there"
        )


def _left_out(recording: BagRecording, robot: RobotModel, depths: Collection[str]) -> list[str]:
    """Cameras whose depth is recorded, and not asked for."""
    described = with_full_names(robot.description, recording.namespace)
    return [
        name
        for name, camera in described.cameras.items()
        if camera.depth_topic in recording.bag.topics and name not in depths
    ]


def _refuse_unknown(groups: Collection[str], robot: RobotModel) -> None:
    if unknown := [group for group in groups if group not in robot.description.groups]:
        known = ", ".join(robot.description.groups)
        raise ConvertError(f"no group {', '.join(unknown)}; {robot.name} has {known}")


def _no_commands(path: Path, groups: Sequence[str]) -> str:
    return (
        f"{path}: no commands of {', '.join(groups)} were recorded, so there is no action to learn; "
        f"with --no-commands {' '.join(groups)} their action is where the joints were"
    )


def _why_nothing(spans: Sequence[Span], refused: Refused) -> str:
    if not spans:
        return "at no time was an instruction in force and moved somebody the robot"
    return "; ".join(refused.told()) or "pictures, joints and commands were never there at one time"
