"""`config/training/*.yaml` of OpenHelix: a whole training run as data."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from vla_core.errors import ConfigError
from vla_core.policies.openhelix.sizes import OpenHelixSizes
from vla_core.policies.visuomotor.config import VisuomotorConfig, check_sizes
from vla_core.training.config import check_keys, read_shared
from vla_core.training.run_file import read_yaml

#: Pretraining of the encoder, then frozen.
ENCODER = "encoder"
#: System 1 alone: the paper's pretrained policy; without it System 1 begins from scratch.
POLICY = "policy"
#: The paper's stage 1, all but prompt and projector frozen; without it nothing is pre-aligned.
ALIGNED = "aligned"
#: The paper's stage 2: System 1 learns, too.
JOINED = "joined"
#: Optional stages, in order: before each the expert corrects the policy as it is by then.
CORRECTED = ("corrected", "refined", "refined_again")
#: Optional, after those: continue the plan that is executed while the policy computes.
PREFIX = "prefix"


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Of eqs. 1 and 3, beside 1 for the grips; the paper does not say which it has.

    Attributes:
        auxiliary_position, auxiliary_rotation: w_1 and w_2; with 0 there is no auxiliary task.
        position, rotation: w_3 and w_4.
        clip: of the CLIP loss; 0: without.
    """

    auxiliary_position: float = 1.0
    auxiliary_rotation: float = 1.0
    position: float = 3.0
    rotation: float = 1.0
    clip: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if (got := getattr(self, field.name)) < 0.0:
                raise ConfigError(f"losses.{field.name}", f"got {got}, expected 0 or more")


@dataclass(frozen=True, kw_only=True)
class OpenHelixConfig(VisuomotorConfig):
    """A run of OpenHelix's training.

    Attributes:
        losses: their weights.
        tunes: whether the token's embedding learns (prompt tuning); else it stays as it is drawn.
        longest_lag: System 1 learns with latents of up to so many steps before [steps], as a slower
            System 2 gives them; 0 as in the paper.
    """

    losses: LossWeights = LossWeights()
    tunes: bool = True
    longest_lag: int = 4

    @classmethod
    def load(cls, path: Path) -> OpenHelixConfig:
        """Read a YAML.

        Raises:
            ConfigError: keys, stages or sizes missing, unknown or at odds, or not YAML.
        """
        raw, source = read_yaml(path), str(path)
        check_keys(source, raw, cls)
        check_sizes(f"{path}: model", OpenHelixSizes, raw["model"], cameras=1, hands=1)
        read = read_shared(source, raw)
        if "losses" in raw:
            check_keys(f"{path}: losses", raw["losses"], LossWeights)
            read["losses"] = LossWeights(**raw["losses"])
        config = cls(**read)
        config.check_committed_steps(source, (PREFIX,))
        config.check_known(source, (ENCODER, POLICY, ALIGNED, JOINED, *CORRECTED, PREFIX))
        config._check(source)
        config.check_corrections(source, CORRECTED)
        return config

    @property
    def deep(self) -> bool:
        """It always learns from depth."""
        return True

    def _check(self, source: str) -> None:
        missing = [stage for stage in (ENCODER, JOINED) if stage not in self.stages]
        if missing:
            raise ConfigError(f"{source}: stages", f"got no {' and no '.join(missing)}")
        for key in ("dataset", "interventions", "augmented", "velocity"):
            if getattr(self, key):
                raise ConfigError(
                    f"{source}: {key}",
                    "does not go with depth: it learns from a suite's demonstrations, which have "
                    "depth and intrinsics, and is told hands, not joints' velocities",
                )
        if self.losses.clip and POLICY not in self.stages:
            raise ConfigError(
                f"{source}: losses.clip",
                f"needs stage {POLICY}, in which System 1 learns what a text is to it",
            )
        if self.longest_lag < 0:
            said = f"got {self.longest_lag}, expected 0 or more"
            raise ConfigError(f"{source}: longest_lag", said)
