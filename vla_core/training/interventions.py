"""What operators corrected, out of a LeRobot data set: which part of it is learned from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vla_core.contract.episode import Episode
from vla_core.errors import ConfigError
from vla_core.recordings.lerobot.dataset import INTERVENTION, SUCCESS, LeRobotDataset, video_keys
from vla_core.robot.model import RobotModel
from vla_core.training.config import RunConfig, Use
from vla_core.training.readable import readable


def read_interventions(
    config: RunConfig, robot: RobotModel, rate_hz: float
) -> list[Episode]:
    """Read what is to be learned from: a stretch of frames each, no window reaches beyond one.

    An episode that cannot be read is named and left out.

    Args:
        config: with `interventions`.
        rate_hz: of the policy's steps.

    Raises:
        ConfigError: no such data set, column, camera or rate; no intervention is in it, no
            stretch is longer than a chunk, or no episode can be read: the first one's reason.
        JointMismatchError: its joints are not the robot's.
    """
    wanted = config.interventions
    dataset = LeRobotDataset(wanted.folder)
    keys = {camera: video_keys(robot.description)[camera] for camera in config.cameras}

    def read(index: int) -> tuple[bool, list[Episode]]:
        """Whether a person moved the robot in it, and what is kept of it."""
        by_a_person = dataset.flags(index, INTERVENTION, rate_hz)
        done = dataset.flags(index, SUCCESS, rate_hz)
        spans = [
            span
            for span in stretches(by_a_person, done, wanted.use)
            if span.stop - span.start > config.horizon
        ]
        if not spans:
            return by_a_person.any(), []
        episode = dataset.read(index, robot, keys, config.image_size, rate_hz)
        return by_a_person.any(), [episode.part(span) for span in spans]

    kept = [one for _, one in readable(dataset.episodes, "interventions", read)]
    found = [part for _, parts in kept for part in parts]
    if not any(intervened for intervened, _ in kept):
        raise ConfigError(
            str(wanted.folder), "no frame of it is an intervention; collect corrections first"
        )
    if not found:
        raise ConfigError(
            str(wanted.folder),
            f"no stretch that `use: {wanted.use.value}` keeps is longer than a chunk of "
            f"{config.horizon} frames",
        )
    return found


def stretches(by_a_person: np.ndarray, done: np.ndarray, use: Use) -> Iterator[slice]:
    """The frames of an episode to learn from, cut where operator and policy change.

    Args:
        by_a_person: `(frames,)` whether a person moved the robot.
        done: `(frames,)` whether the task was done.
        use: what is kept.
    """
    bounds = [0, *(1 + np.flatnonzero(np.diff(by_a_person))).tolist(), len(by_a_person)]
    for begin, end in zip(bounds[:-1], bounds[1:], strict=True):
        by_policy = not by_a_person[begin]
        solved = by_policy and bool(done[end - 1]) and not done[begin]
        if use is Use.ALL or not by_policy or (use is Use.SUCCESSES and solved):
            yield slice(begin, end)
