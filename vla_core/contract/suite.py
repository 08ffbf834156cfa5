"""A suite of tasks: what every one has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

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
class CamerasByRobot(Protocol):
    """A suite that draws whatever cameras a robot has."""

    def cameras_of(self, robot: RobotDescription) -> tuple[str, ...]:
        """Views that its scenes with that robot can draw; the first one sets the pace."""


def cameras_of(suite: Suite, robot: RobotDescription) -> tuple[str, ...]:
    """Views that a suite's scenes with a robot can draw."""
    return suite.cameras_of(robot) if isinstance(suite, CamerasByRobot) else suite.cameras


@dataclass(frozen=True)
class EpisodeTerms:
    """How a suite's episodes are run, unless it is told otherwise.

    Attributes:
        filtered: whether chunks go through limits and safety filter. Where they do not, they
            cannot: what is commanded are no joints of a robot, but the benchmark's own actions.
        control_s: time between two commands where they are not filtered [s].
        time_limit_s: an episode not done by then has failed [s].
        settle_s: success must hold for this long [s].
        delay_s: time that an inference of System 1 takes [s].
    """

    filtered: bool = True
    control_s: float = 0.02
    time_limit_s: float = 15.0
    settle_s: float = 0.2
    delay_s: float = 0.1


@runtime_checkable
class OwnTerms(Protocol):
    """A suite that is run in another way than usual, such as a benchmark as it is published."""

    terms: EpisodeTerms


@runtime_checkable
class TermsByShift(Protocol):
    """A suite some of whose kinds of scenes are run in another way than the others."""

    def terms_in(self, shift: str) -> EpisodeTerms:
        """Of one of its `shifts`."""


def terms_of(suite: Suite, shift: str = USUAL) -> EpisodeTerms:
    """A suite's own terms, or the usual ones.

    Args:
        shift: in which of its kinds of scenes; one that it has not is run as its usual ones.
    """
    if isinstance(suite, TermsByShift):
        return suite.terms_in(shift if shift in suite.shifts else USUAL)
    return suite.terms if isinstance(suite, OwnTerms) else EpisodeTerms()


def tasks_of(name: str, suite: Suite, asked: Sequence[str]) -> tuple[SuiteTask, ...]:
    """The tasks that are asked for, in that order.

    Args:
        name: of the suite.
        asked: each in words, of the instruction or a paraphrase, or by the instruction's number.

    Raises:
        ConfigError: one is no task of the suite; says which there are.
    """
    by_words = {
        words: task
        for task in suite.tasks
        for words in (*task.texts, str(task.instruction.id))
    }
    if unknown := [words for words in asked if words not in by_words]:
        known = "; ".join(f"{t.instruction.id} {t.instruction.text!r}" for t in suite.tasks)
        raise ConfigError(
            f"suite {name}", f"has no task {', '.join(map(repr, unknown))}; it has {known}"
        )
    return tuple(dict.fromkeys(by_words[words] for words in asked))
