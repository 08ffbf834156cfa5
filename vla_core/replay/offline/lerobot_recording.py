"""A LeRobot data set as events: every frame's joints, action and pictures at its nominal time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from vla_core.data.lerobot import LeRobotDataset
from vla_core.errors import ConfigError
from vla_core.replay.offline.recording import (
    CommandCame,
    Event,
    ImageCame,
    JointStateCame,
    RecordedEpisode,
)
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS

#: Time of every episode's first frame; zero would stand for no stamp at all.
_BEGIN_NS = NANOSECONDS


class LeRobotRecording:
    """Every episode of a data set. Its joints have no velocities, and nothing is ever late.

    Args:
        folder: of the data set.
        robot: its YAML says which of the data set's videos is which camera.
        cameras: of the robot, those wanted, the one that sets the pace first.

    Raises:
        ConfigError: not a data set, or the YAML does not name a camera's video.
    """

    has_commands = True

    def __init__(self, folder: Path, robot: RobotModel, cameras: Sequence[str]) -> None:
        self._dataset = LeRobotDataset(folder)
        self._robot = robot
        keys = robot.description.recording.cameras
        if missing := [name for name in cameras if name not in keys]:
            raise ConfigError(
                f"{robot.description.source}, recording.cameras",
                f"got {', '.join(keys) or 'none'}, expected {', '.join(missing)} as well: the key "
                "of its video in LeRobot data sets",
            )
        self._keys = {name: keys[name] for name in cameras}
        self.frames = sum(map(self._dataset.length, self._dataset.episodes))
        self.instructions = self._dataset.instructions
        self.episode_names = tuple(map(str, self._dataset.episodes))

    def episodes(self) -> Iterator[RecordedEpisode]:
        """All, by number."""
        for episode in self._dataset.episodes:
            tracks = self._dataset.tracks(episode, self._robot)
            events = self._events(episode, tracks.position, tracks.action)
            yield RecordedEpisode(str(episode), tracks.instruction, events)

    def _events(self, episode: int, position: np.ndarray, action: np.ndarray) -> Iterator[Event]:
        rows = np.arange(len(position))
        pictures = {
            name: self._dataset.pictures(episode, key, rows) for name, key in self._keys.items()
        }
        nothing = np.empty(0)
        for row in rows:
            now_ns = _BEGIN_NS + round(row * NANOSECONDS / self._dataset.rate_hz)
            yield JointStateCame(now_ns, now_ns, self._robot.joint_names, position[row], nothing)
            yield CommandCame(now_ns, now_ns, action[row])
            for name, frames in pictures.items():
                started_s = time.perf_counter()
                pixels = next(frames)
                yield ImageCame(now_ns, now_ns, name, pixels, time.perf_counter() - started_s)
