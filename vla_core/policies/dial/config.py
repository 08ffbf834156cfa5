"""`config/training/*.yaml` of DIAL: a whole training run as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vla_core.contract.abilities import ShownByHands
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import ConfigError
from vla_core.paths import policy_folder
from vla_core.policies.dial.foresight import Foresight
from vla_core.policies.dial.sizes import DialSizes
from vla_core.policies.visuomotor.config import (
    VisuomotorConfig,
    check_sizes,
    check_velocity,
)
from vla_core.policies.visuomotor.sizes import VIT
from vla_core.training.config import check_keys, read_shared
from vla_core.training.run_file import read_yaml

#: Pretraining of the shared encoder, and of System 2's, where that is another one.
ENCODER, SYSTEM2_ENCODER = "encoder", "system2_encoder"
#: Stage 1, decoupled warm-up; without both, stage 2 begins with fresh networks.
WARM_UP = ("system2", "system1")
#: Stage 2 may have three parts: before each the expert corrects the policy as it is by then.
STAGE_2 = ("end_to_end", "refined", "refined_again")
#: Optional stages, after stage 2, about the plan that is executed while System 1 computes.
COMMITTED = ("prefix", "forward")


@dataclass(frozen=True, kw_only=True)
class ActionFreeConfig:
    """Videos of hands of another embodiment beside the demonstrations (section 4.1.1).

    Attributes:
        folder: of `HandVideo` files; a relative one starts where `vla train` was started. Empty:
            the suite shows them.
        videos: how many it is to show; 0 with a `folder`.
        share: of each batch, between 0 and 1; demonstrations and corrections fill the rest.
        stages: in which; those after them learn from the robot alone.
    """

    folder: str = ""
    videos: int = 0
    share: float
    stages: tuple[str, ...]

    def __post_init__(self) -> None:
        if bool(self.folder) == (self.videos > 0):
            raise ConfigError(
                "action_free",
                f"got folder {self.folder!r} and {self.videos} videos, expected one of them: where "
                "they are, or how many the suite is to show",
            )
        if not isinstance(self.share, float) or not 0 < self.share < 1:
            raise ConfigError(
                "action_free.share", f"got {self.share!r}, expected a share of a batch, in (0, 1)"
            )
        known = (*WARM_UP, *STAGE_2)
        if unknown := sorted(set(self.stages) - set(known)):
            raise ConfigError("action_free.stages", f"unknown {unknown}, known: {', '.join(known)}")
        object.__setattr__(self, "stages", tuple(self.stages))


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(VisuomotorConfig):
    """A run of DIAL's training.

    Attributes:
        start: policy whose weights it begins with, in place of encoder and stage 1; empty: none.
            Kind, robot, cameras, model and normalisation are that policy's.
        system2_learns: or System 2 stays as it is, where nothing is foreseen (the frozen
            GR00T-Qwen2.5 of section 4.2.2).
        action_free: what is learned from videos without actions; None: nothing.
        lora_rank: of adapters that learn in the place of a vision-language model's own weights;
            0: these learn themselves, as in the paper.
    """

    start: str = ""
    system2_learns: bool = True
    action_free: ActionFreeConfig | None = None
    lora_rank: int = 0

    @property
    def abilities(self) -> tuple[type, ...]:
        """Videos of hands besides, where the suite is to show them."""
        shows = self.action_free is not None and self.action_free.videos > 0
        return (*super().abilities, ShownByHands) if shows else super().abilities

    @property
    def foresight(self) -> Foresight:
        """How it reaches System 1."""
        return Foresight(self.model.get("foresight", Foresight.BOTTLENECK.value))

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
        shared = read_shared(str(path), raw)
        if raw.get("action_free"):
            check_keys(f"{path}: action_free", raw["action_free"], ActionFreeConfig)
            shared["action_free"] = ActionFreeConfig(**raw["action_free"])
        config = cls(**shared)
        config._check_foresight(str(path))
        config.check_committed_steps(str(path), COMMITTED)
        if "forward" in config.stages and not config.model.get("forward_layers"):
            raise ConfigError(
                f"{path}: model.forward_layers", "stage `forward` needs layers of its model"
            )
        return config

    def _check_foresight(self, source: str) -> None:
        """Refuse stages and options that the foresight cannot have."""
        warmed_up = [stage for stage in WARM_UP if stage in self.stages]
        if warmed_up and not self.foresight.is_bottleneck:
            raise ConfigError(
                f"{source}: stages",
                f"got {' and '.join(warmed_up)}, which is DIAL's warm-up; with `foresight: "
                f"{self.foresight.value}` there is stage 2 alone",
            )
        if len(warmed_up) == 1:
            raise ConfigError(
                f"{source}: stages", f"got {warmed_up[0]} alone, expected {' and '.join(WARM_UP)}"
            )
        if not (warmed_up or self.start) and self.corrections:
            raise ConfigError(
                f"{source}: corrections",
                f"got {self.corrections}, expected 0 without {' and '.join(WARM_UP)}: before "
                f"{STAGE_2[0]} there is no policy to correct",
            )
        if ENCODER in self.stages and self.model.get("vision", VIT) != VIT:
            raise ConfigError(
                f"{source}: stages", f"got {ENCODER}; {self.model['vision']} comes pretrained"
            )
        has_own = self.foresight is Foresight.MISMATCHED and not self.start
        if (SYSTEM2_ENCODER in self.stages) != has_own:
            raise ConfigError(
                f"{source}: stages",
                f"{SYSTEM2_ENCODER} goes with `model.foresight: {Foresight.MISMATCHED.value}`",
            )
        if self.lora_rank and not self.model.get("vlm"):
            raise ConfigError(
                f"{source}: lora_rank", "adapts a vision-language model; `model.vlm` is missing"
            )
        if not self.system2_learns and self.foresight.foresees:
            raise ConfigError(
                f"{source}: system2_learns", "a foresight has to be learned; with `foresight: none`"
            )


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
