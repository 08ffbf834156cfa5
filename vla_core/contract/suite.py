"""A suite of tasks: what every one has, and what it may offer besides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from vla_core.contract.scene import Scene
from vla_core.errors import ConfigError
from vla_core.robot.description import RobotDescription
from vla_core.robot.model import RobotModel
from vla_core.types import Instruction

#: Scenes as the suite's tasks are meant; every suite has them.
USUAL = "usual"


@dataclass(frozen=True)
class SuiteTask:
    """What can be told in a suite.

    Attributes:
        instruction: in the words that its scenes tell.
        paraphrases: other words for the same.
    """

    instruction: Instruction
    paraphrases: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything that means this task."""
        return (self.instruction.text, *self.paraphrases)


class Suite(Protocol):
    """Tasks, and scenes to do them in.

    Attributes:
        tasks: everything that can be told.
        cameras: views that its scenes can draw; the first one sets the pace.
        shifts: kinds of scenes, `USUAL` first.
    """

    tasks: tuple[SuiteTask, ...]
    cameras: tuple[str, ...]
    shifts: tuple[str, ...]

    def check_robot(self, robot: RobotDescription) -> None:
        """Raises `ConfigError` for a robot that its scenes cannot have; says what it needs."""

    def scene(self, robot: RobotModel, shift: str = USUAL) -> Scene:
        """A scene, to be reset; `shift` is one of `shifts`."""


@runtime_checkable
class Demonstrated(Protocol):
    """Offers demonstrations.

    Attributes:
        rate_hz: frames a second of what is shown [Hz].
    """

    rate_hz: float

    def demonstrate(self, folder: Path, robot: str, seeds: range, image_size: int) -> None:
        """Fill `folder` with `SEED_PART.npz`, an `Episode` each; goes on where it was interrupted.

        Args:
            image_size: side of the pictures [pixels].
        """


@runtime_checkable
class Labelled(Protocol):
    """Offers pictures with the truth about where things are."""

    def label_scenes(
        self, folder: Path, robot: str, poses: np.ndarray, scenes: int, image_size: int
    ) -> None:
        """Fill `folder` with `LabelledScenes`; goes on where it was interrupted.

        Args:
            poses: `(n, dof)` joint positions to draw the robot's poses from [rad].
        """


@runtime_checkable
class Corrected(Protocol):
    """Offers corrections of a policy."""

    def correct(self, folder: Path, policy: Path, seeds: range) -> None:
        """Fill `folder` with what the policy should have done where it went, as `demonstrate`."""


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


class TrainingSuite(Suite, Demonstrated, Labelled, Corrected, Protocol):
    """What a policy is trained in from nothing, and corrected."""


#: What a suite may offer, in words.
OFFERED = {
    Demonstrated: "demonstrations",
    Labelled: "labelled scenes",
    Corrected: "corrections",
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
