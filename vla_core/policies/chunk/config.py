"""`config/training/*.yaml` of a chunk policy: a whole training run as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vla_core.errors import ConfigError
from vla_core.policies.chunk.sizes import ChunkSizes
from vla_core.policies.visuomotor.config import VisuomotorConfig, check_sizes, check_velocity
from vla_core.training.config import check_keys, read_shared
from vla_core.training.run_file import read_yaml

#: Pretraining of the ViT, where there is one; then everything else on the demonstrations.
ENCODER, CLONING = "encoder", "cloning"
#: Optional stages, in order: before each the expert corrects the policy as it is by then.
CORRECTED = ("corrected", "refined", "refined_again")
#: Optional, after those: continue the plan that is executed while the policy computes.
PREFIX = "prefix"


@dataclass(frozen=True, kw_only=True)
class ChunkConfig(VisuomotorConfig):
    """A run of a chunk policy's training."""

    @classmethod
    def load(cls, path: Path) -> ChunkConfig:
        """Read a YAML.

        Raises:
            ConfigError: keys, stages or sizes missing, unknown or at odds, or not YAML.
        """
        raw = read_yaml(path)
        check_keys(str(path), raw, cls)
        check_velocity(str(path), raw)
        check_sizes(f"{path}: model", ChunkSizes, raw["model"])
        config = cls(**read_shared(str(path), raw))
        config.check_committed_steps(str(path), (PREFIX,))
        config._check_stages(str(path))
        return config

    def _check_stages(self, source: str) -> None:
        self.check_known(source, (ENCODER, CLONING, *CORRECTED, PREFIX))
        if CLONING not in self.stages:
            raise ConfigError(f"{source}: stages", f"got no {CLONING}, which all others build on")
        learns_to_see = bool(self.model.get("vit_stem"))  # ahead of the policy
        if learns_to_see != (ENCODER in self.stages) or (self.scenes and not learns_to_see):
            raise ConfigError(
                f"{source}: stages.{ENCODER}",
                "goes with `model.vit_stem`; without it the policy is blind, or sees by another "
                "`vision`, and has neither that stage nor `scenes`",
            )
        self.check_corrections(source, CORRECTED)
