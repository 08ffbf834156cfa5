"""`config/training/*.yaml`: a whole training run as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import ConfigError
from vla_core.paths import policy_folder
from vla_core.policies.dial.model import DialSizes
from vla_core.training.trainer import Schedule

#: Stage 2 may have three parts: before each the expert corrects the policy as it is by then.
STAGE_2 = ("end_to_end", "refined", "refined_again")
#: Optional stages, after stage 2, about the plan that is executed while System 1 computes.
COMMITTED = ("prefix", "forward")


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


@dataclass(frozen=True)
class TrainingConfig:
    """What to train, on what, for how long.

    Attributes:
        name: the policy's name; its folder under `config/policies` unless told otherwise.
        kind: of policy, e.g. `dial`.
        robot: robot description.
        seed: of everything random.
        demonstrations: how many tables the scripted expert solves; 0 with a `dataset`.
        dataset: a LeRobot data set, or None.
        held_out: share of the episodes kept for validation.
        scenes: labelled random scenes to pretrain the encoder on; with 0 it learns to see the
            robot's measured state in the demonstrations instead.
        cameras: views, in the policy's order.
        model: sizes of the networks.
        stages: schedule of each stage, by name.
        committed_steps: longest plan in execution that stage `prefix` teaches System 1 to continue,
            and stage `forward` what it leads to [steps]; 0 without these stages.
        corrections: tables on which the expert corrects the warmed-up policy before each part of stage 2.
        start: policy whose weights it begins with, in place of encoder and stage 1; empty: none.
            Kind, robot, cameras, model and normalisation are that policy's.
        interventions: what stage 2 learns from besides; None: nothing.
        augmented: copies of each demonstration to learn from beside it, as another camera would
            have seen it.
        velocity: whether System 1 is told the joints' velocities beside their positions; with a
            `dataset` alone, as the simulation's observations tell that of the moment, no mean.
        suite: shows and corrects the demonstrations, where they are of no `dataset`.
    """

    name: str
    kind: str
    robot: str
    seed: int
    demonstrations: int
    dataset: DatasetConfig | None
    held_out: float
    scenes: int
    cameras: tuple[str, ...]
    model: Mapping[str, Any]
    stages: Mapping[str, Schedule]
    corrections: int = 0
    committed_steps: int = 0
    start: str = ""
    interventions: InterventionConfig | None = None
    augmented: int = 0
    velocity: bool = False
    suite: str = "tabletop"

    @classmethod
    def load(cls, path: Path) -> TrainingConfig:
        """Read a YAML.

        Raises:
            ConfigError: keys missing or unknown, or not YAML.
        """
        try:
            raw = yaml.safe_load(path.read_text())
        except yaml.YAMLError as error:
            raise ConfigError(str(path), f"is not YAML ({error})") from error
        if isinstance(raw, Mapping) and raw.get("start"):
            raw = _begun_with(str(path), raw)
        optional = {
            "augmented", "corrections", "committed_steps", "start", "interventions", "velocity",
            "suite",
        }  # fmt: skip
        _check_keys(str(path), raw, cls, optional)
        if raw.get("velocity") and not raw["dataset"]:
            raise ConfigError(
                f"{path}: velocity", "needs a `dataset`; in simulation System 1 is told positions"
            )
        _check_model(f"{path}: model", raw["model"])
        stages = {}
        for name, values in raw["stages"].items():
            values = {**values}
            optional = {"weight_decay", "average"}
            _check_keys(f"{path}: stages.{name}", values, Schedule, optional)
            stages[name] = Schedule(**values)
        cameras = tuple(raw["cameras"])
        dataset = _dataset(f"{path}: dataset", raw["dataset"], cameras) if raw["dataset"] else None
        interventions = None
        if raw.get("interventions"):
            interventions = _interventions(f"{path}: interventions", raw["interventions"])
        read = {"stages": stages, "cameras": cameras, "dataset": dataset}
        config = cls(**{**raw, **read, "interventions": interventions})
        config._check_committed_steps(str(path))
        return config

    def _check_committed_steps(self, source: str) -> None:
        horizon, stages = self.model["horizon"], [s for s in COMMITTED if s in self.stages]
        least = 1 if stages else 0
        if not least <= self.committed_steps < horizon:
            needed = f" for {' and '.join(stages)}" if stages else ""
            raise ConfigError(
                f"{source}: committed_steps",
                f"got {self.committed_steps}, expected {least} or more{needed}, and less than the "
                f"horizon of {horizon}",
            )
        if "forward" in stages and not self.model.get("forward_layers"):
            raise ConfigError(
                f"{source}: model.forward_layers", "stage `forward` needs layers of its model"
            )


def _check_model(source: str, raw: Any) -> None:
    try:
        DialSizes(cameras=1, state=1, velocities=0, vocabulary=(), **raw)
    except TypeError as error:
        raise ConfigError(source, f"are no sizes of a policy: {error}") from error


def _dataset(source: str, raw: Any, cameras: tuple[str, ...]) -> DatasetConfig:
    _check_keys(source, raw, DatasetConfig)
    if set(raw["cameras"]) != set(cameras):
        raise ConfigError(
            f"{source}.cameras", f"got {sorted(raw['cameras'])}, the policy sees {sorted(cameras)}"
        )
    return DatasetConfig(**{**raw, "folder": Path(raw["folder"])})


def _interventions(source: str, raw: Any) -> InterventionConfig:
    _check_keys(source, raw, InterventionConfig)
    if raw["use"] not in (known := [use.value for use in Use]):
        raise ConfigError(f"{source}.use", f"got {raw['use']!r}, expected {', '.join(known)}")
    if not isinstance(raw["share"], float) or not 0 < raw["share"] < 1:
        raise ConfigError(
            f"{source}.share", f"got {raw['share']!r}, expected a share of a batch, in (0, 1)"
        )
    return InterventionConfig(Path(raw["folder"]), Use(raw["use"]), raw["share"])


def _begun_with(source: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with what the policy that it begins with decides."""
    manifest = PolicyManifest.load(policy_folder(raw["start"]))
    if manifest.prefix_steps or manifest.forward_steps:
        raise ConfigError(
            f"{source}: start",
            f"{manifest.name} has learned what is committed (prefix, forward), which stage 2 would "
            "undo; begin with a policy before that",
        )
    sizes = dict(manifest.model)
    for key in ("cameras", "state", "velocities", "vocabulary"):
        sizes.pop(key, None)
    decided = {
        "kind": manifest.kind,
        "robot": manifest.robot,
        "cameras": [camera.name for camera in manifest.observation.cameras],
        "model": sizes,
        "scenes": 0,
    }
    if given := sorted(set(decided) & set(raw)):
        raise ConfigError(source, f"keys {given} are decided by `start`; leave them out")
    stages = set(raw.get("stages") or {})
    if not stages or stages - set(STAGE_2):
        raise ConfigError(
            f"{source}: stages",
            f"got {sorted(stages)}, after `start` there are {', '.join(STAGE_2)}",
        )
    return {**raw, **decided}


def _check_keys(source: str, raw: Any, kind: type, optional: frozenset | set = frozenset()) -> None:
    expected = {field.name for field in fields(kind)}
    got = set(raw) if isinstance(raw, Mapping) else set()
    if missing := sorted(expected - got - optional):
        raise ConfigError(source, f"missing keys {missing}")
    if unknown := sorted(got - expected):
        raise ConfigError(source, f"unknown keys {unknown}, known: {sorted(expected)}")
