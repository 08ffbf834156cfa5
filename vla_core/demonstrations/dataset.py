"""Demonstrations as a LeRobot data set; gone on with where it was left."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vla_core.contract.abilities import DemonstratedSuite
from vla_core.contract.episode import Episode
from vla_core.contract.suite import SuiteTask
from vla_core.demonstrations.show import Asked, show
from vla_core.errors import ConfigError
from vla_core.recordings.convert.dataset_index import ConvertError, episode_rows
from vla_core.recordings.convert.dataset_writer import DatasetWriter
from vla_core.recordings.convert.frames import Frame
from vla_core.recordings.convert.growing_files import put_text
from vla_core.recordings.lerobot.dataset import video_keys
from vla_core.robot.model import RobotModel

#: Beside LeRobot's own index: what was asked for, and what became of each scene.
_JOURNAL = "meta/demonstrations.json"
#: What moved the robot, in the data set.
_EXPERT = "expert"


class SceneShown(NamedTuple):
    """What became of a scene.

    Attributes:
        episodes: that came of it; 0: the expert failed.
        was_there: whether it had been tried before.
    """

    episodes: int
    was_there: bool = False


@dataclass(frozen=True)
class DemonstrationSet:
    """A data set of a suite's demonstrations.

    Attributes:
        folder: made, or gone on with.
        name: of the suite.
        suite: whose expert shows.
        robot: a name under `config/robots`, or a YAML.
        tasks: that scenes are given in turn, by their seeds; empty: as scenes tell.
        recoveries: whether from disturbances, too.
    """

    folder: Path
    name: str
    suite: DemonstratedSuite
    robot: str
    tasks: Sequence[SuiteTask] = ()
    recoveries: bool = False

    def fill(
        self, seeds: Sequence[int], workers: int, progress: Callable[[SceneShown], None]
    ) -> None:
        """Try the scenes that were not tried yet; those where the expert fails are left out.

        Args:
            seeds: of the scenes, in the order of the episodes.
            workers: processes; the data set does not depend on their number.
            progress: told for every scene, those that were tried before first.

        Raises:
            VlaError: the robot does not fit the suite, there is another data set in the folder, or
                what is written cannot be read back.
        """
        robot = RobotModel.load(self.robot)
        self.suite.check_robot(robot.description)
        tried = self._journal(robot.name)
        writer = self._writer(robot)
        left = []
        for seed in seeds:
            if (name := self.scene(seed)) in tried:
                progress(SceneShown(tried[name], True))
            else:
                left.append(seed)
        asked = Asked(self.suite, self.robot, None, self.recoveries)
        with closing(show(asked, [(seed, self._task(seed)) for seed in left], workers)) as shown:
            for seed, episodes in zip(left, shown, strict=True):
                name = self.scene(seed)
                for part, episode in enumerate(episodes):
                    if not writer.has(source := f"{name}/{part}"):
                        writer.add(source, episode.instruction, self._frames(robot, episode))
                tried[name] = len(episodes)
                self._write_journal(robot.name, tried)
                progress(SceneShown(len(episodes)))

    def scene(self, seed: int) -> str:
        """What a scene is called in the data set."""
        task = self._task(seed)
        words = () if task is None else (task.instruction.text,)
        return "/".join((self.name, str(seed), *words))

    def counts(self) -> dict[str, int]:
        """Episodes of each instruction, of the whole data set; 0 for tasks that have none."""
        found = {task.instruction.text: 0 for task in self.tasks}
        for row in episode_rows(self.folder):
            found[row["tasks"][0]] = found.get(row["tasks"][0], 0) + 1
        return found

    def _task(self, seed: int) -> SuiteTask | None:
        return self.tasks[seed % len(self.tasks)] if self.tasks else None

    def _writer(self, robot: RobotModel) -> DatasetWriter:
        rate_hz = self.suite.rate_hz
        if not float(rate_hz).is_integer():
            raise ConfigError(
                f"suite {self.name}", f"shows {rate_hz:g} frames a second, a data set has a whole number"
            )
        if unknown := [name for name in self.suite.cameras if name not in robot.cameras]:
            raise ConfigError(f"robot {robot.name}", f"has no camera {', '.join(unknown)}")
        keys = video_keys(robot.description)
        cameras = {
            name: (keys[name], robot.cameras[name].size(simulated=True))
            for name in self.suite.cameras
        }
        return DatasetWriter(self.folder, robot, cameras, int(rate_hz))

    def _frames(self, robot: RobotModel, episode: Episode) -> list[Frame]:
        for name, pictures in episode.images.items():
            got, expected = pictures.shape[1:3], robot.cameras[name].size(simulated=True)
            if got != expected:
                raise ConvertError(
                    f"suite {self.name}: draws camera {name} as {got[1]} x {got[0]}, the YAML of "
                    f"{robot.name} says {expected[1]} x {expected[0]}"
                )
        return [
            Frame(
                {name: pictures[k] for name, pictures in episode.images.items()},
                episode.position[k],
                episode.action[k],
                _EXPERT,
                success=None if episode.success is None else bool(episode.success[k]),
            )
            for k in range(len(episode))
        ]

    def _journal(self, robot: str) -> dict[str, int]:
        """How many episodes came of each scene that was tried."""
        path = self.folder / _JOURNAL
        if not path.is_file():
            if (self.folder / "meta/info.json").exists():
                raise ConvertError(f"{self.folder}: holds another data set; choose another folder")
            self._write_journal(robot, {})
            return {}
        there = json.loads(path.read_text())
        for key, wanted in self._head(robot).items():
            if there[key] != wanted:
                raise ConvertError(
                    f"{self.folder}: holds demonstrations of {key} {there[key]}, asked for is "
                    f"{wanted}; choose another folder"
                )
        return there["scenes"]

    def _write_journal(self, robot: str, scenes: dict[str, int]) -> None:
        whole = self._head(robot) | {"scenes": scenes}
        put_text(self.folder / _JOURNAL, json.dumps(whole, indent=1) + "\n")

    def _head(self, robot: str) -> dict[str, object]:
        return {"suite": self.name, "robot": robot, "recoveries": self.recoveries}
