"""`config/training/*.yaml` of DIAL: a whole training run as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.suite import Corrected, Demonstrated, Labelled
from vla_core.errors import ConfigError
from vla_core.paths import policy_folder
from vla_core.policies.dial.model import DialSizes
from vla_core.training.config import RunConfig, check_keys, read_shared, read_yaml

#: Stage 2 may have three parts: before each the expert corrects the policy as it is by then.
STAGE_2 = ("end_to_end", "refined", "refined_again")
#: Optional stages, after stage 2, about the plan that is executed while System 1 computes.
COMMITTED = ("prefix", "forward")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(RunConfig):
    """A run of DIAL's training.

    Attributes:
        scenes: labelled random scenes to pretrain the encoder on; with 0 it learns to see the
            robot's measured state in the demonstrations instead.
        model: sizes of the networks.
        committed_steps: longest plan in execution that stage `prefix` teaches System 1 to continue,
            and stage `forward` what it leads to [steps]; 0 without these stages.
        corrections: tables on which the expert corrects the warmed-up policy before each part of stage 2.
        start: policy whose weights it begins with, in place of encoder and stage 1; empty: none.
            Kind, robot, cameras, model and normalisation are that policy's.
        velocity: whether System 1 is told the joints' velocities beside their positions; with a
            `dataset` alone, as the simulation's observations tell that of the moment, no mean.
    """

    scenes: int
    model: Mapping[str, Any]
    corrections: int = 0
    committed_steps: int = 0
    start: str = ""
    velocity: bool = False

    @property
    def horizon(self) -> int:
        """Steps of a chunk."""
        return self.model["horizon"]

    @property
    def image_size(self) -> int:
        """Side of the square pictures [pixels]."""
        return self.model["image_size"]

    @property
    def abilities(self) -> tuple[type, ...]:
        """What a suite has to offer for this run, of `vla_core.contract.suite.OFFERED`."""
        used = {
            Demonstrated: not self.dataset,
            Labelled: self.scenes > 0,
            Corrected: self.corrections > 0,
        }
        return tuple(ability for ability, needed in used.items() if needed)

    @classmethod
    def load(cls, path: Path) -> TrainingConfig:
        """Read a YAML.

        Raises:
            ConfigError: keys missing or unknown, or not YAML.
        """
        raw = read_yaml(path)
        if isinstance(raw, Mapping) and raw.get("start"):
            raw = _begun_with(str(path), raw)
        check_keys(str(path), raw, cls)
        if raw.get("velocity") and not raw["dataset"]:
            raise ConfigError(
                f"{path}: velocity", "needs a `dataset`; in simulation System 1 is told positions"
            )
        _check_model(f"{path}: model", raw["model"])
        config = cls(**read_shared(str(path), raw))
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
