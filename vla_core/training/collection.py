"""Fills a run's folder with what it learns from: demonstrations, and labelled scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.progress import track

from vla_core.data.episodes import Episode
from vla_core.data.lerobot import LeRobotDataset
from vla_core.errors import ConfigError
from vla_core.robot.model import RobotModel
from vla_core.sim import demonstrations, random_scenes
from vla_core.training.config import TrainingConfig


def collect(config: TrainingConfig, robot: RobotModel, folder: Path) -> None:
    """Fill `folder/demonstrations` and, where asked for, `folder/scenes`; resumes.

    Demonstrations are of the scripted expert, or read from a data set.

    Raises:
        ConfigError, JointMismatchError: the data set does not fit the robot or the configuration.
    """
    size = config.model["image_size"]
    demonstrated = folder / "demonstrations"
    if config.dataset:
        read_dataset(config, robot, demonstrated)
    else:
        demonstrations.generate(demonstrated, config.robot, range(config.demonstrations), size)
    if config.scenes:
        poses = [Episode.load(path).position for path in sorted(demonstrated.glob("*_0.npz"))]
        scenes = folder / "scenes"
        random_scenes.generate(scenes, config.robot, np.concatenate(poses), config.scenes, size)


def read_dataset(config: TrainingConfig, robot: RobotModel, folder: Path) -> None:
    """Write a data set's episodes as `EPISODE_0.npz`, at the policy's size and rate.

    Raises:
        ConfigError: no such data set, camera or rate, or an episode shorter than a chunk.
        JointMismatchError: its joints are not the robot's.
    """
    wanted = config.dataset
    dataset = LeRobotDataset(wanted.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for index in track(dataset.episodes[: wanted.episodes or None], "demonstrations"):
        path = folder / f"{index:06d}_0.npz"
        if path.exists():
            continue
        episode = dataset.read(
            index, robot, wanted.cameras, config.model["image_size"], wanted.rate_hz
        )
        if len(episode) <= config.model["horizon"]:
            raise ConfigError(
                str(wanted.folder),
                f"episode {index} has {len(episode)} frames at {wanted.rate_hz:g} Hz, "
                f"a horizon of {config.model['horizon']} needs more",
            )
        episode.save(path)
