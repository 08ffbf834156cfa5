"""`config/training/*.yaml` of DIAL: a whole training run as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import ConfigError
from vla_core.paths import policy_folder
from vla_core.policies.dial.model import DialSizes
from vla_core.policies.visuomotor.config import (
    VisuomotorConfig,
    check_sizes,
    check_velocity,
)
from vla_core.training.config import check_keys, read_shared
from vla_core.training.run_file import read_yaml

#: Stage 2 may have three parts: before each the expert corrects the policy as it is by then.
STAGE_2 = ("end_to_end", "refined", "refined_again")
#: Optional stages, after stage 2, about the plan that is executed while System 1 computes.
COMMITTED = ("prefix", "forward")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(VisuomotorConfig):
    """A run of DIAL's training.

    Attributes:
        start: policy whose weights it begins with, in place of encoder and stage 1; empty: none.
            Kind, robot, cameras, model and normalisation are that policy's.
    """

    start: str = ""

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
        check_velocity(str(path), raw)
        check_sizes(f"{path}: model", DialSizes, raw["model"])
        config = cls(**read_shared(str(path), raw))
        config.check_committed_steps(str(path), COMMITTED)
        if "forward" in config.stages and not config.model.get("forward_layers"):
            raise ConfigError(
                f"{path}: model.forward_layers", "stage `forward` needs layers of its model"
            )
        return config


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
