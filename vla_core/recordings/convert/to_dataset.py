"""Bags into one LeRobot data set: an episode for each time that somebody moved the robot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import groupby
from pathlib import Path

from vla_core.recordings.convert.dataset_index import ConvertError
from vla_core.recordings.convert.dataset_writer import DatasetWriter
from vla_core.recordings.convert.frames import frames_of
from vla_core.recordings.convert.readable_events import Refused, readable_events
from vla_core.recordings.convert.spans import Span, spans_of
from vla_core.recordings.lerobot.dataset import video_keys
from vla_core.recordings.sources.bag_recording import BagRecording
from vla_core.robot.model import RobotModel


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
        without: groups whose action may be where they were, as no commands of them are recorded.
        namespace: of the robot in the bags; None: the only one that it can be.

    Returns:
        How many `episodes` and `frames` were added, `skipped` episodes that were there,
        `unreadable` messages that were left out, and `bags_of_nothing`.

    Raises:
        VlaError: a bag cannot be read, tells no instruction while none is given, holds no commands
            of a group that is not in `without`, or what is written cannot be read back.
    """
    keys = video_keys(robot.description)
    cameras = {name: (keys[name], robot.cameras[name].size(simulated)) for name in keys}
    writer = DatasetWriter(folder, robot, cameras, rate_hz)
    counted = ("episodes", "frames", "skipped", "unreadable", "bags_of_nothing")
    done = dict.fromkeys(counted, 0)
    _refuse_unknown(without, robot)
    for path in bags:
        recording = BagRecording(
            path, robot, list(keys), simulated, without=without, namespace=namespace
        )
        spans = spans_of(recording.bag, instruction, recording.namespace)
        if any(not span.instruction for span in spans):
            raise ConvertError(
                f"{path}: does not tell what the robot was to do; give --instruction \"…\""
            )
        sources = [f"{path.resolve()}/{number}" for number in range(len(spans))]
        if sources and all(writer.has(source) for source in sources):
            done["skipped"] += len(spans)
            continue
        if recording.commands.missing:
            raise ConvertError(_no_commands(path, recording.commands.missing))
        before, refused = done["episodes"] + done["skipped"], Refused()
        events = readable_events(
            next(recording.episodes()).events, robot, recording.bag, without, refused, progress,
            tell,
        )  # fmt: skip
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
        done["unreadable"] += refused.counts.total()
        for problem in refused.told():
            tell(f"{path}: {problem}")
        if recording.commands.never:
            raise ConvertError(_no_commands(path, recording.commands.never))
        if done["episodes"] + done["skipped"] == before:
            done["bags_of_nothing"] += 1
            tell(f"{path}: nothing of it was converted: {_why_nothing(spans, refused)}")
    return done


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
