"""`config/training/*.yaml` of F1: a whole training run as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vla_core.errors import ConfigError
from vla_core.policies.f1.sizes import F1Sizes
from vla_core.policies.visuomotor.config import VisuomotorConfig, check_sizes, check_velocity
from vla_core.training.config import check_keys, read_shared
from vla_core.training.run_file import read_yaml

#: Pretraining of the encoder, then frozen; of the tokeniser, then frozen.
ENCODER, TOKENISER = "encoder", "tokeniser"
#: Understanding and action alone, in the place of pi_0's weights that the paper begins with.
REACTIVE = "reactive"
#: The paper's stages I, II and III (section 2.3).
GENERATION, JOINT, POST = "generation", "joint", "post"
#: More of stage III, in order: before each the expert corrects the policy as it is by then.
CORRECTED = ("corrected", "refined", "refined_again")
#: Optional, after those: continue the plan that is executed while the policy computes.
PREFIX = "prefix"
#: Stages that are about foresights.
FORESEES = (TOKENISER, GENERATION, JOINT)


@dataclass(frozen=True, kw_only=True)
class F1Config(VisuomotorConfig):
    """A run of F1's training.

    Attributes:
        generation_weight: 1 / lambda of eq. 4; the paper's is 0.1.
        frozen_generation: the generation expert stays as stage I leaves it (Frozen-Gen).
    """

    generation_weight: float = 0.1
    frozen_generation: bool = False

    @classmethod
    def load(cls, path: Path) -> F1Config:
        """Read a YAML.

        Raises:
            ConfigError: keys, stages or sizes missing, unknown or at odds, or not YAML.
        """
        raw = read_yaml(path)
        check_keys(str(path), raw, cls)
        check_velocity(str(path), raw)
        check_sizes(f"{path}: model", F1Sizes, raw["model"])
        config = cls(**read_shared(str(path), raw))
        config.check_committed_steps(str(path), (PREFIX,))
        config._check_stages(str(path))
        return config

    @property
    def foresees(self) -> bool:
        """Whether there is a generation expert."""
        return self.model.get("predicted_scales", F1Sizes.predicted_scales) > 0

    @property
    def own(self) -> tuple[str, ...]:
        """The experts' stages that there are, in order."""
        ordered = (REACTIVE, GENERATION, JOINT, POST, *CORRECTED, PREFIX)
        return tuple(stage for stage in ordered if stage in self.stages)

    def _check_stages(self, source: str) -> None:
        known = (ENCODER, TOKENISER, REACTIVE, GENERATION, JOINT, POST, *CORRECTED, PREFIX)
        self.check_known(source, known)
        self.check_corrections(source, CORRECTED)
        if missing := [stage for stage in (ENCODER, REACTIVE) if stage not in self.stages]:
            raise ConfigError(f"{source}: stages", f"got no {' and no '.join(missing)}")
        foreseeing = [stage for stage in FORESEES if stage in self.stages]
        if foreseeing and not self.foresees:
            raise ConfigError(
                f"{source}: stages",
                f"got {', '.join(foreseeing)}, expected none of them with `predicted_scales: 0`: "
                "nothing is foreseen",
            )
        if self.foresees:
            self._check_foreseeing(source)

    def _check_foreseeing(self, source: str) -> None:
        if missing := [s for s in (TOKENISER, GENERATION) if s not in self.stages]:
            raise ConfigError(
                f"{source}: stages", f"got no {' and no '.join(missing)}, to foresee with"
            )
        if JOINT not in self.stages and POST not in self.stages:
            raise ConfigError(
                f"{source}: stages",
                f"got neither {JOINT} nor {POST}: the action expert would never see a foresight",
            )
        if self.generation_weight <= 0.0:
            raise ConfigError(
                f"{source}: generation_weight", f"got {self.generation_weight}, expected above 0"
            )
