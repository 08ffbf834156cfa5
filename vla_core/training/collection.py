"""Fills a run's folder with what it learns from: demonstrations, what operators corrected."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from vla_core.contract.abilities import Demonstrated, TrainingSuite
from vla_core.contract.episode import Episode
from vla_core.contract.suite import tasks_of
from vla_core.demonstrations.show import Asked, show
from vla_core.errors import ConfigError
from vla_core.progress import counted
from vla_core.recordings.lerobot.dataset import LeRobotDataset
from vla_core.robot.model import RobotModel
from vla_core.training.config import RunConfig
from vla_core.training.interventions import read_interventions
from vla_core.training.readable import readable

#: Of the episodes of `read_interventions` in a run's folder.
INTERVENTIONS = "interventions"


def rate_hz(config: RunConfig, suite: TrainingSuite | None) -> float:
    """Steps a second of the policy.

    Raises:
        ConfigError: neither a data set nor a suite says so, or not every so-manyth frame of the suite
            is a step.
    """
    if config.dataset:
        return config.dataset.rate_hz
    if suite is None:
        raise ConfigError(config.name, "has neither a `dataset` nor a `suite` to learn from")
    asked = config.rate_hz or suite.rate_hz
    if asked > suite.rate_hz or not (suite.rate_hz / asked).is_integer():
        raise ConfigError(
            f"{config.name}: rate_hz",
            f"got {asked:g}, expected a whole fraction of the {suite.rate_hz:g} frames a second "
            f"that suite {config.suite} shows",
        )
    return asked


def collect(
    config: RunConfig, robot: RobotModel, folder: Path, suite: TrainingSuite | None = None
) -> None:
    """Fill `folder/demonstrations` and, where asked for, `interventions`; resumes.

    Args:
        suite: shows how it is done; None: demonstrations are read from a data set.

    Raises:
        ConfigError, JointMismatchError: a data set does not fit the robot or the configuration.
    """
    if config.interventions:
        take_interventions(config, robot, folder / INTERVENTIONS, rate_hz(config, suite))
    demonstrated = folder / "demonstrations"
    if config.dataset:
        read_dataset(config, robot, demonstrated)
    else:
        take_demonstrations(config, suite, demonstrated)


def take_demonstrations(config: RunConfig, suite: Demonstrated, folder: Path) -> None:
    """Write what is shown, and recoveries, as `SEED_PART.npz`.

    Raises:
        ConfigError: tasks that the suite has not.
        WorkerError: the suite or the robot refused in a worker process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    markers = [folder / f"{seed:06d}.done" for seed in range(config.demonstrations)]
    left = [seed for seed, done in enumerate(markers) if not done.exists()]
    asked = Asked(
        suite, config.robot, config.image_size, deep=config.deep, cameras=config.cameras
    )
    tasks = tasks_of(config.suite, suite, [str(number) for number in config.tasks]) or (None,)
    scenes = [(seed, tasks[seed % len(tasks)]) for seed in left]
    with closing(show(asked, scenes)) as shown:
        for seed, episodes in zip(left, counted(shown, "demonstrations", len(left)), strict=True):
            for part, episode in enumerate(episodes):
                episode.save(folder / f"{seed:06d}_{part}.npz")
            markers[seed].touch()


def take_interventions(
    config: RunConfig, robot: RobotModel, folder: Path, steps_hz: float
) -> None:
    """Write what operators corrected, a file a stretch; errors as `read_interventions`."""
    done = folder / "all.done"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for number, episode in enumerate(read_interventions(config, robot, steps_hz)):
        episode.save(folder / f"{number:06d}.npz")
    done.touch()


def read_dataset(config: RunConfig, robot: RobotModel, folder: Path) -> None:
    """Write a data set's episodes as `EPISODE_0.npz`, all frames at the policy's size.

    Those that are there stay; one that cannot be read is named and left out.

    Raises:
        ConfigError: no such data set, frames that are no multiple of the policy's steps, an episode
            shorter than a chunk, or none that can be read: the first one's reason.
        JointMismatchError: its joints are not the robot's.
    """
    wanted = config.dataset
    dataset = LeRobotDataset(wanted.folder)
    reach = config.horizon * dataset.stride(wanted.rate_hz)
    folder.mkdir(parents=True, exist_ok=True)

    def path(index: int) -> Path:
        return folder / f"{index:06d}_0.npz"

    def read(index: int) -> Episode | None:
        if path(index).exists():
            return None
        return dataset.read(index, robot, wanted.cameras, config.image_size)

    chosen = dataset.episodes[: wanted.episodes or None]
    for index, episode in readable(chosen, "demonstrations", read):
        if episode is None:
            continue
        if len(episode) <= reach:
            raise ConfigError(
                str(wanted.folder),
                f"episode {index} has {len(episode)} frames, a horizon of "
                f"{config.horizon} steps at {wanted.rate_hz:g} Hz needs more than {reach}",
            )
        episode.save(path(index))
