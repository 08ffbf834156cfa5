"""A LeRobot data set as events: every frame's joints, action and pictures at its nominal time.

An episode that cannot be read, or from some frame on, says so and ends; the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from vla_core.errors import ConfigError, VlaError
from vla_core.recordings.lerobot.dataset import JointTracks, LeRobotDataset, video_keys
from vla_core.recordings.lerobot.joints import ACTION, STATE
from vla_core.recordings.lerobot.pictures import DRIFT_S
from vla_core.recordings.sources.bag_recording import LOST
from vla_core.recordings.sources.recording import (
    CommandCame,
    Event,
    ImageCame,
    JointStateCame,
    RecordedEpisode,
    UnreadableCame,
)
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS

#: Time of every episode's first frame; zero would stand for no stamp at all.
_BEGIN_NS = NANOSECONDS
#: Source of an `UnreadableCame` that is about a time in the index, which is not used.
INDEX = "index"


class LeRobotRecording:
    """Every episode of a data set. Its joints have no velocities, and nothing is ever late.

    Args:
        folder: of the data set.
        robot: its YAML says which of the data set's videos is which camera.
        cameras: of the robot, those wanted, the one that sets the pace first.

    Attributes:
        depths: the data set's keys of its depth, which is not among the events.

    Raises:
        ConfigError: not a data set, or it has no pictures of a camera.
        JointMismatchError: its joints are not the robot's.
    """

    has_commands = True

    def __init__(self, folder: Path, robot: RobotModel, cameras: Sequence[str]) -> None:
        self._dataset = LeRobotDataset(folder)
        self._robot = robot
        for feature in (STATE, ACTION):
            self._dataset.joint_columns(feature, robot.description).indices(robot)
        keys = video_keys(robot.description)
        self._keys = {name: keys[name] for name in cameras}
        if missing := [f"{n}: {k}" for n, k in self._keys.items() if k not in self._dataset.cameras]:
            raise ConfigError(
                f"{folder / 'meta/info.json'}, features",
                f"no pictures of {', '.join(missing)}, there are "
                f"{', '.join(self._dataset.cameras) or 'none'}; say under recording.cameras of "
                f"{robot.description.source} which are the camera's",
            )
        self.frames = sum(map(self._dataset.length, self._dataset.episodes))
        self.instructions = self._dataset.instructions
        self.depths = self._dataset.depths
        self.episode_names = tuple(map(str, self._dataset.episodes))

    def episodes(self) -> Iterator[RecordedEpisode]:
        """All, by number."""
        for episode in self._dataset.episodes:
            try:
                tracks = self._dataset.tracks(episode, self._robot)
            except VlaError as error:
                lost = UnreadableCame(_BEGIN_NS, LOST, f"episode {episode}: {error}")
                recorded = RecordedEpisode(str(episode), "", iter((lost,)))
            else:
                events = self._events(episode, tracks)
                recorded = RecordedEpisode(str(episode), tracks.instruction, events)
            yield recorded

    def _events(self, episode: int, tracks: JointTracks) -> Iterator[Event]:
        now_ns = _BEGIN_NS
        try:
            for event in self._read(episode, tracks):
                now_ns = event.now_ns
                yield event
        except VlaError as error:
            yield UnreadableCame(now_ns, LOST, f"episode {episode}: {error}")

    def _read(self, episode: int, tracks: JointTracks) -> Iterator[Event]:
        rows = np.arange(len(tracks.position))
        pictures = {
            name: self._dataset.pictures(episode, key, rows) for name, key in self._keys.items()
        }
        for key in self._keys.values():
            drift_s = self._dataset.drift_s(episode, key)
            if abs(drift_s) > DRIFT_S:
                problem = (
                    f"episode {episode}: from_timestamp of {key} lies {1000 * drift_s:.1f} ms "
                    "behind its first frame as it is counted, and is not used"
                )
                yield UnreadableCame(_BEGIN_NS, INDEX, problem)
        nothing = np.empty(0)
        for row in rows:
            now_ns = _BEGIN_NS + round(row * NANOSECONDS / self._dataset.rate_hz)
            position, action = tracks.position[row], tracks.action[row]
            yield JointStateCame(now_ns, now_ns, self._robot.joint_names, position, nothing)
            yield CommandCame(now_ns, now_ns, action)
            for name, frames in pictures.items():
                started_s = time.perf_counter()
                pixels = next(frames)
                yield ImageCame(now_ns, now_ns, name, pixels, time.perf_counter() - started_s)
