"""Episodes of a bag as a policy is shown them: pictures, and depth where its specification asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

import numpy as np

from vla_core.contract.episode import Episode
from vla_core.contract.specification import ObservationSpec
from vla_core.observation.depth import resized_depth
from vla_core.observation.picture_size import resized_picture
from vla_core.recordings.convert.dataset_index import ConvertError
from vla_core.recordings.convert.frames import Frame, frames_of
from vla_core.recordings.convert.readable_events import Refused, readable_events
from vla_core.recordings.convert.spans import spans_of
from vla_core.recordings.sources.bag_recording import BagRecording
from vla_core.robot.model import RobotModel


def bag_episodes(
    bag: Path,
    robot: RobotModel,
    shown: ObservationSpec,
    rate_hz: float,
    instruction: str = "",
    simulated: bool = False,
    tell: Callable[[str], None] = lambda problem: None,
    namespace: str | None = None,
) -> Iterator[Episode]:
    """An episode for each time that somebody moved the robot, taken to be cut off.

    Args:
        shown: cameras, the first one sets the pace; depth of those that ask for it.
        rate_hz: frames a second of the episodes.
        instruction, simulated, tell, namespace: as for `bags_to_dataset`.

    Raises:
        VlaError: the bag cannot be read, lacks a topic, or holds no commands of a group.
    """
    cameras = [spec.name for spec in shown.cameras]
    recording = BagRecording(
        bag, robot, cameras, simulated, namespace=namespace, specs=shown.cameras
    )
    if missing := recording.commands.missing:
        raise ConvertError(
            f"{bag}: no commands of {', '.join(missing)} were recorded, so there is no action to learn"
        )
    spans, refused = spans_of(recording.bag, instruction, recording.namespace), Refused()
    events = readable_events(
        next(recording.episodes()).events, robot, recording.bag, (), refused, tell=tell
    )
    frames = frames_of(events, spans, cameras, rate_hz, shown.depths)
    for number, numbered in groupby(frames, key=lambda each: each[0]):
        kept = [_sized(frame, shown) for _, frame in numbered]
        yield Episode(
            {name: np.stack([frame.pictures[name] for frame in kept]) for name in cameras},
            np.stack([frame.position for frame in kept]),
            np.stack([frame.action for frame in kept]),
            spans[number].instruction,
            rate_hz,
            complete=False,
            depth={name: np.stack([frame.depth[name] for frame in kept]) for name in shown.depths},
        )
    for problem in refused.told():
        tell(f"{bag}: {problem}")


def _sized(frame: Frame, shown: ObservationSpec) -> Frame:
    """At the policy's size, as the camera node does it."""
    pictures, depth = {}, {}
    for spec in shown.cameras:
        pictures[spec.name] = resized_picture(frame.pictures[spec.name], spec.height, spec.width)
        if spec.depth:
            depth[spec.name] = resized_depth(frame.depth[spec.name], spec.height, spec.width)
    return Frame(pictures, frame.position, frame.action, depth=depth)
