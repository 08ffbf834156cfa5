"""What a suite may offer besides its tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from vla_core.contract.episode import Episode
from vla_core.contract.scene import Scene
from vla_core.contract.suite import Suite, SuiteTask
from vla_core.errors import ConfigError
from vla_core.robot.model import RobotModel


class PaperRow(NamedTuple):
    """What a paper tells of a policy; not measured here.

    Attributes:
        policy: by the paper's name of it.
        success_rate: 0 to 1.
        source: paper and table.
    """

    policy: str
    success_rate: float
    source: str


@runtime_checkable
class InPapers(Protocol):
    """A suite on which papers report; its evaluation shows their rows beside its own."""

    def paper_rows(self, shift: str) -> tuple[PaperRow, ...]:
        """Of scenes such as a shift's; empty where papers have none."""


class Demonstrator(Protocol):
    """Shows how tasks are done, in scenes of its own."""

    def demonstrate(self, seed: int, task: SuiteTask | None = None) -> Iterator[Episode]:
        """What is shown in the scene of a seed: the same to the last bit, whatever was shown before.

        First the whole task, from a start to its success, and nothing where the expert failed. Then,
        as far as they are asked for, recoveries from disturbances, where the suite has any.

        Args:
            task: what is done there; None: what the scene tells.
        """

    def close(self) -> None:
        """Free what its scenes hold."""


@runtime_checkable
class Demonstrated(Protocol):
    """Offers demonstrations; such a suite is given to other processes, so it can be pickled.

    Attributes:
        robot: which one shows, unless it is told: a name under `config/robots`, or a YAML.
        rate_hz: frames a second of what is shown [Hz].
    """

    robot: str
    rate_hz: float

    def demonstrator(
        self,
        robot: RobotModel,
        image_size: int | None = None,
        cameras: Sequence[str] | None = None,
    ) -> Demonstrator:
        """Who shows.

        Args:
            image_size: side of the pictures [pixels]; None: as the robot's YAML has the simulated
                cameras.
            cameras: that pictures are of; None: all of the suite's.
        """


@runtime_checkable
class DeeplyDemonstrated(Protocol):
    """Offers demonstrations with depth and intrinsics of its cameras."""

    def deep_demonstrator(
        self,
        robot: RobotModel,
        image_size: int | None = None,
        cameras: Sequence[str] | None = None,
    ) -> Demonstrator:
        """As `Demonstrated.demonstrator`; its episodes have both."""


@runtime_checkable
class Labelled(Protocol):
    """Offers pictures with the truth about where things are."""

    def label_scenes(
        self,
        folder: Path,
        robot: str,
        poses: np.ndarray,
        scenes: int,
        image_size: int,
        cameras: Sequence[str],
    ) -> None:
        """Fill `folder` with `LabelledScenes`; goes on where it was interrupted.

        Args:
            poses: `(n, dof)` joint positions to draw the robot's poses from [rad].
            cameras: of the suite, in the order of the pictures.
        """


@runtime_checkable
class ShownByHands(Protocol):
    """Offers videos of its tasks as done by other hands than a robot's."""

    def show_hands(self, folder: Path, robot: str, videos: int, image_size: int) -> None:
        """Fill `folder` with `HandVideo` files, of at most so many; goes on where it was left.

        Args:
            robot: in whose base frame the wrists' poses are.
        """


@runtime_checkable
class Corrected(Protocol):
    """Offers corrections of a policy."""

    def correct(self, folder: Path, policy: Path, seeds: range) -> None:
        """Fill `folder` with what the policy should have done where it went.

        `SEED_PART.npz`, an `Episode` each; goes on where it was interrupted.
        """


class Expert(Protocol):
    """Does the task of a scene, from wherever the robot is.

    Attributes:
        period_s: how long a target is held [s].
        command: `(dof,)` joint targets, the newest [rad].
    """

    period_s: float
    command: np.ndarray

    def reset(self) -> None:
        """Go on from where the robot is."""

    def act(self) -> np.ndarray:
        """The next `command`."""


@runtime_checkable
class Exemplary(Protocol):
    """Offers to do its tasks itself, by its own terms: what can be done at all in its scenes.

    Attributes:
        robot: which one does them, unless it is told: a name under `config/robots`, or a YAML.
    """

    robot: str

    def exemplar(self, scene: Scene) -> Callable[[], Iterator[None]]:
        """Who does the tasks of a scene: called after each of its resets.

        What it gives commands the scene and lets time pass, through limits and filter where the
        suite's terms have them, and gives back after each command; it ends where the expert fails.
        """


class TroubleWatch(Protocol):
    """Sees that an attempt is failing."""

    def begin(self) -> None:
        """The policy begins, or goes on, now."""

    def look(self) -> Enum | None:
        """What is wrong now, its value in words; None: nothing, or it is done."""


@runtime_checkable
class Watched(Protocol):
    """Offers somebody who sees that a policy fails, and can do the task in its place."""

    def expert(self, scene: Scene) -> Expert:
        """Who does the task of a scene."""

    def watch(self, scene: Scene) -> TroubleWatch:
        """What such a person looks out for."""


@runtime_checkable
class Moving(Protocol):
    """Offers scenes in which things move by themselves.

    Attributes:
        moving: those of `shifts`.
    """

    moving: tuple[str, ...]


class DemonstratedSuite(Suite, Demonstrated, Protocol):
    """Tasks, and who shows them."""


class TrainingSuite(DemonstratedSuite, Labelled, Corrected, Protocol):
    """What a policy is trained in from nothing, and corrected."""


#: What a suite may offer, in words.
OFFERED = {
    Demonstrated: "demonstrations",
    DeeplyDemonstrated: "demonstrations with depth",
    Labelled: "labelled scenes",
    ShownByHands: "videos of other hands",
    Corrected: "corrections",
    Exemplary: "an expert in the place of a policy",
    Watched: "an expert to take over",
    Moving: "moving scenes",
}


def require(name: str, suite: Any, *abilities: type) -> None:
    """Refuse at once what a suite does not offer.

    Args:
        name: of the suite.
        abilities: keys of `OFFERED`.

    Raises:
        ConfigError: says what is missing, and what is there.
    """
    missing = [OFFERED[ability] for ability in abilities if not isinstance(suite, ability)]
    if missing:
        there = [words for ability, words in OFFERED.items() if isinstance(suite, ability)]
        raise ConfigError(
            f"suite {name}",
            f"does not offer {', '.join(missing)}; it offers {', '.join(['tasks', *there])}",
        )
