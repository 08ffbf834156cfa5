"""`config/training/*.yaml` of CLaD: a whole training run as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vla_core.errors import ConfigError
from vla_core.policies.clad.sizes import CladSizes, Foresight
from vla_core.policies.visuomotor.config import VisuomotorConfig, check_sizes, check_velocity
from vla_core.training.config import check_keys, read_shared
from vla_core.training.run_file import read_yaml

#: Pretraining of the encoder, then frozen; the paper's stage 1; its stage 2.
ENCODER, DYNAMICS, POLICY = "encoder", "dynamics", "policy"
#: Optional stages, in order: before each the expert corrects the policy as it is by then.
CORRECTED = ("corrected", "refined", "refined_again")
#: Optional, after those: continue the plan that is executed while the policy computes.
PREFIX = "prefix"


@dataclass(frozen=True, kw_only=True)
class DynamicsConfig:
    """How the dynamics learn.

    Attributes:
        masked: probability with which each action is hidden from them.
        curriculum: share of the stage's steps, from the first, in which all actions are.
        momentum: m_0 of the target encoders (`targets.momentum`).
        reconstruction: lambda of eq. 19.
    """

    masked: float = 0.3
    curriculum: float = 0.0
    momentum: float = 0.99
    reconstruction: float = 0.1

    def __post_init__(self) -> None:
        for name in ("masked", "curriculum", "momentum"):
            if not 0.0 <= (got := getattr(self, name)) <= 1.0:
                raise ConfigError(f"dynamics.{name}", f"got {got}, expected 0 to 1")
        if self.reconstruction < 0.0:
            raise ConfigError(
                "dynamics.reconstruction", f"got {self.reconstruction}, expected 0 or more"
            )


@dataclass(frozen=True, kw_only=True)
class CladConfig(VisuomotorConfig):
    """A run of CLaD's training.

    Attributes:
        dynamics: how they learn.
        longest_lag: the policy learns with foresights of up to so many steps before [steps], as a
            slower System 2 gives them; 0 as in the paper.
        geometry: the policy asks for its cameras' geometry, and shows the robot that it foresees in
            their pictures; what has none is then no input for it.
    """

    dynamics: DynamicsConfig = DynamicsConfig()
    longest_lag: int = 4
    geometry: bool = False

    @classmethod
    def load(cls, path: Path) -> CladConfig:
        """Read a YAML.

        Raises:
            ConfigError: keys, stages or sizes missing, unknown or at odds, or not YAML.
        """
        raw = read_yaml(path)
        check_keys(str(path), raw, cls)
        check_velocity(str(path), raw)
        check_sizes(f"{path}: model", CladSizes, raw["model"])
        read = read_shared(str(path), raw)
        if "dynamics" in raw:
            check_keys(f"{path}: dynamics", raw["dynamics"], DynamicsConfig)
            read["dynamics"] = DynamicsConfig(**raw["dynamics"])
        config = cls(**read)
        config.check_committed_steps(str(path), (PREFIX,))
        config._check_stages(str(path))
        return config

    @property
    def foresees(self) -> bool:
        """Whether there are dynamics to learn."""
        return self.model.get("foresight") != Foresight.NONE.value

    def _check_stages(self, source: str) -> None:
        self.check_known(source, (ENCODER, DYNAMICS, POLICY, *CORRECTED, PREFIX))
        if missing := [stage for stage in (ENCODER, POLICY) if stage not in self.stages]:
            raise ConfigError(f"{source}: stages", f"got no {' and no '.join(missing)}")
        if self.foresees != (DYNAMICS in self.stages):
            raise ConfigError(
                f"{source}: stages.{DYNAMICS}",
                "goes with `model.foresight`; with `none` there is nothing to foresee with",
            )
        self.check_corrections(source, CORRECTED)
        if self.longest_lag < 0:
            said = f"got {self.longest_lag}, expected 0 or more"
            raise ConfigError(f"{source}: longest_lag", said)
