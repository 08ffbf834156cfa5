"""The part of a training run's YAML that is no one policy's: data, cameras, stages, seeds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any

from vla_core.errors import ConfigError
from vla_core.training.compute import Compute
from vla_core.training.schedule import Schedule


@dataclass(frozen=True)
class DatasetConfig:
    """Recorded demonstrations: a LeRobot data set, and what of it the policy gets.

    Attributes:
        folder: of the data set; a relative one starts where `vla train` was started.
        cameras: the data set's key of each of the policy's cameras.
        rate_hz: steps a second of the policy, a whole fraction of the recording's frames.
        episodes: how many, from the first; 0 is all.
    """

    folder: Path
    cameras: Mapping[str, str]
    rate_hz: float
    episodes: int


class Use(Enum):
    """Which frames of recorded attempts are learned from."""

    CORRECTIONS = "corrections"
    """Those in which a person moved the robot."""

    SUCCESSES = "successes"
    """These, and the policy's own where it came to success."""

    ALL = "all"
    """The policy's failures, too."""


@dataclass(frozen=True)
class InterventionConfig:
    """Attempts with an operator, as `vla convert` writes them, beside the demonstrations.

    Attributes:
        folder: of the data set; a relative one starts where `vla train` was started.
        use: which of its frames.
        share: of each batch, between 0 and 1; the demonstrations fill the rest.
    """

    folder: Path
    use: Use
    share: float


@dataclass(frozen=True, kw_only=True)
class RunConfig(ABC):
    """What to train, on what, for how long; a kind of policy adds what is its own.

    Attributes:
        name: the policy's name; its folder under `config/policies` unless told otherwise.
        kind: of policy, a name in the registry.
        robot: robot description.
        seed: of everything random.
        demonstrations: how many tables the suite's expert solves; 0 with a `dataset`.
        dataset: a LeRobot data set, or None.
        held_out: share of the episodes kept for validation.
        cameras: views, in the policy's order.
        stages: schedule of each stage, by name.
        interventions: what is learned from besides; None: nothing.
        augmented: copies of each demonstration to learn from beside it, as another camera would
            have seen it.
        suite: shows and corrects the demonstrations, where they are of no `dataset`.
        rate_hz: steps a second of the policy, a whole fraction of the frames that the suite shows; 0:
            as many. A `dataset` has its own.
        tasks: of the suite, by number, that are shown in turn; empty: what its scenes tell.
        compute: in what precision networks are trained, and shared among processes how.
    """

    name: str
    kind: str
    robot: str
    seed: int
    demonstrations: int
    dataset: DatasetConfig | None
    held_out: float
    cameras: tuple[str, ...]
    stages: Mapping[str, Schedule]
    interventions: InterventionConfig | None = None
    augmented: int = 0
    suite: str = "tabletop"
    rate_hz: float = 0.0
    tasks: tuple[int, ...] = ()
    compute: Compute = Compute()

    @property
    def deep(self) -> bool:
        """Whether it learns from depth."""
        return False

    @property
    @abstractmethod
    def horizon(self) -> int:
        """Steps of a chunk."""

    @property
    @abstractmethod
    def image_size(self) -> int:
        """Side of the square pictures that it is shown [pixels]."""


def read_shared(source: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """`raw` with the entries of `RunConfig` as its types.

    Raises:
        ConfigError: keys missing or unknown in one of them, or values that cannot be.
    """
    stages = {}
    for name, values in raw["stages"].items():
        check_keys(f"{source}: stages.{name}", values, Schedule)
        stages[name] = Schedule(**values)
    cameras = tuple(raw["cameras"])
    read = {"stages": stages, "cameras": cameras, "dataset": None, "interventions": None}
    read["tasks"] = tuple(raw.get("tasks", ()))
    if raw["dataset"]:
        read["dataset"] = _dataset(f"{source}: dataset", raw["dataset"], cameras)
    if raw.get("compute"):
        check_keys(f"{source}: compute", raw["compute"], Compute)
        read["compute"] = Compute(**raw["compute"])
    if raw.get("interventions"):
        read["interventions"] = _interventions(f"{source}: interventions", raw["interventions"])
    return {**raw, **read}


def check_keys(source: str, raw: Any, kind: type) -> None:
    """That a mapping has the fields of a dataclass, those with a default as it likes.

    Raises:
        ConfigError: keys missing or unknown.
    """
    expected = {field.name: field.default is MISSING for field in fields(kind)}
    got = set(raw) if isinstance(raw, Mapping) else set()
    if missing := sorted(name for name, needed in expected.items() if needed and name not in got):
        raise ConfigError(source, f"missing keys {missing}")
    if unknown := sorted(got - set(expected)):
        raise ConfigError(source, f"unknown keys {unknown}, known: {sorted(expected)}")


def _dataset(source: str, raw: Any, cameras: tuple[str, ...]) -> DatasetConfig:
    check_keys(source, raw, DatasetConfig)
    if set(raw["cameras"]) != set(cameras):
        raise ConfigError(
            f"{source}.cameras", f"got {sorted(raw['cameras'])}, the policy sees {sorted(cameras)}"
        )
    return DatasetConfig(**{**raw, "folder": Path(raw["folder"])})


def _interventions(source: str, raw: Any) -> InterventionConfig:
    check_keys(source, raw, InterventionConfig)
    if raw["use"] not in (known := [use.value for use in Use]):
        raise ConfigError(f"{source}.use", f"got {raw['use']!r}, expected {', '.join(known)}")
    if not isinstance(raw["share"], float) or not 0 < raw["share"] < 1:
        raise ConfigError(
            f"{source}.share", f"got {raw['share']!r}, expected a share of a batch, in (0, 1)"
        )
    return InterventionConfig(Path(raw["folder"]), Use(raw["use"]), raw["share"])
