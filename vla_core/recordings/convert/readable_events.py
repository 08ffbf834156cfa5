"""Events of a bag that can be used: joints whole, and what cannot be read counted by its source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

import numpy as np

from vla_core.errors import JointMismatchError, ObservationError
from vla_core.observation.joint_states import JointStates
from vla_core.recordings.bags.bag import Bag
from vla_core.recordings.sources.bag_recording import LOST
from vla_core.recordings.sources.recording import (
    CommandCame,
    DepthCame,
    Event,
    ImageCame,
    UnreadableCame,
)
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS


class Refused:
    """Counts what was left out, by source, and keeps the first reason of each."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, source: str, problem: str) -> None:
        """One more."""
        self.counts[source] += 1
        self._first.setdefault(source, problem)

    def told(self) -> list[str]:
        """A sentence for each source."""
        return [
            f"{source}: refused {self.counts[source]} times, first: {problem}"
            for source, problem in self._first.items()
        ]


def readable_events(
    events: Iterator[Event],
    robot: RobotModel,
    bag: Bag,
    without: Collection[str],
    refused: Refused,
    progress: Callable[[str, float], None] = lambda what, share: None,
    tell: Callable[[str], None] = lambda problem: None,
) -> Iterator[Event]:
    """The events, joints whole and in canonical order; what cannot be read is counted.

    Where a group has no commands its targets are where it was.
    """
    joints, name = JointStates(robot.joint_names), bag.path.name
    bare = np.array([joint.group in without for joint in robot.description.joints])
    measured, commanded = np.full((2, robot.dof), np.nan)
    begin_ns = None
    for event in events:
        begin_ns = event.now_ns if begin_ns is None else begin_ns
        passed_s = (event.now_ns - begin_ns) / NANOSECONDS
        progress(name, passed_s / bag.duration_s if bag.duration_s else 1.0)
        if isinstance(event, UnreadableCame):
            if event.source == LOST:
                tell(f"{bag.path}: {event.problem}")
            else:
                refused.add(event.source, event.problem)
            continue
        if isinstance(event, ImageCame | DepthCame):
            yield event
            continue
        if isinstance(event, CommandCame):
            commanded = event.position
        else:
            given = (event.names, event.position, event.velocity, event.stamp_ns)
            try:
                state = joints.take(*given)
            except (JointMismatchError, ObservationError) as error:
                refused.add("joint states", str(error))
                continue
            if state is None:
                continue
            measured = state.position
            yield replace(event, names=robot.joint_names, position=measured)
            if not bare.any():
                continue
        target = np.where(bare & np.isnan(commanded), measured, commanded)
        if np.isfinite(target).all():
            yield CommandCame(event.now_ns, event.now_ns, target)
    if lacking := joints.lacking():
        refused.add("joint states", lacking)
    progress(name, 1.0)
