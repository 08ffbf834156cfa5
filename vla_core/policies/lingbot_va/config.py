"""`config/training/*.yaml` of LingBot-VA: a whole training run as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vla_core.errors import ConfigError
from vla_core.policies.lingbot_va.initialisation import Start
from vla_core.policies.lingbot_va.sizes import SMALL, LingBotSizes
from vla_core.policies.visuomotor.config import VisuomotorConfig, check_sizes
from vla_core.training.config import check_keys, read_shared
from vla_core.training.run_file import read_yaml

#: Of the small autoencoder, then frozen; of the video stream alone: both in Wan's place.
VAE, VIDEO = "vae", "video"
#: The paper's pretraining, and post-training, in which the forward model learns, too.
JOINT, POST = "joint", "post"
#: More of post-training, in order: before each the expert corrects the policy as it is by then.
CORRECTED = ("corrected", "refined", "refined_again")
#: Optional, after those: continue the plan that is executed while the policy computes.
PREFIX = "prefix"


@dataclass(frozen=True, kw_only=True)
class LingBotConfig(VisuomotorConfig):
    """A run of LingBot-VA's training.

    Attributes:
        sequence: latent frames of a training sequence, packed.
        inverse_weight: lambda of the objective.
        forward_share: of the chunks of post-training of which the forward model learns.
        action_start: where the action stream's layers begin, a `Start`.
        wan: folder of Wan 2.2 in the layout of diffusers, which it begins with; "": without. A
            relative one starts where `vla train` was started.
    """

    scenes: int = 0
    sequence: int = 8
    inverse_weight: float = 1.0
    forward_share: float = 0.5
    action_start: str = Start.SCALED.value
    wan: str = ""

    @classmethod
    def load(cls, path: Path) -> LingBotConfig:
        """Read a YAML.

        Raises:
            ConfigError: keys, stages or sizes missing, unknown or at odds, or not YAML.
        """
        raw, source = read_yaml(path), str(path)
        check_keys(source, raw, cls)
        check_sizes(f"{path}: model", LingBotSizes, raw["model"], cameras=1, vocabulary=())
        config = cls(**read_shared(source, raw))
        config.check_committed_steps(source, (PREFIX,))
        config._check_stages(source)
        config._check_values(source)
        return config

    @property
    def sizes(self) -> LingBotSizes:
        """Of the networks, but for what data and robot decide."""
        return LingBotSizes(cameras=len(self.cameras), vocabulary=(), **self.model)

    @property
    def horizon(self) -> int:
        """Steps of a chunk."""
        return self.sizes.horizon

    @property
    def own(self) -> tuple[str, ...]:
        """The streams' stages that there are, in order."""
        ordered = (VIDEO, JOINT, POST, *CORRECTED, PREFIX)
        return tuple(stage for stage in ordered if stage in self.stages)

    @property
    def learns_forward(self) -> bool:
        """Whether there is a forward model at the end."""
        return POST in self.stages and self.forward_share > 0.0

    def _check_stages(self, source: str) -> None:
        self.check_known(source, (VAE, VIDEO, JOINT, POST, *CORRECTED, PREFIX))
        self.check_corrections(source, CORRECTED)
        if JOINT not in self.stages:
            raise ConfigError(f"{source}: stages", f"got no {JOINT}")
        if (VAE in self.stages) != (self.sizes.vae == SMALL):
            raise ConfigError(
                f"{source}: stages.{VAE}", f"goes with `model.vae: {SMALL}`; Wan's is not trained"
            )
        later = [stage for stage in (*CORRECTED, PREFIX) if stage in self.stages]
        if later and POST not in self.stages:
            raise ConfigError(f"{source}: stages", f"got {', '.join(later)} without {POST}")

    def _check_values(self, source: str) -> None:
        starts = [start.value for start in Start]
        seen = self.sizes.history + 1 + self.sizes.chunk_frames
        problems = {
            "scenes": (self.scenes == 0, "0: there is no encoder to learn from them"),
            "velocity": (not self.velocity, "false: it is told what was executed"),
            "interventions": (self.interventions is None, "none"),
            "sequence": (self.sequence >= seen, f"{seen} or more, as it is measured on"),
            "inverse_weight": (self.inverse_weight > 0.0, "above 0"),
            "forward_share": (0.0 <= self.forward_share < 1.0, "0 to less than 1"),
            "action_start": (self.action_start in starts, " or ".join(starts)),
            "wan": (
                bool(self.wan) == (self.sizes.vae != SMALL),
                f"a folder, or none with `model.vae: {SMALL}`",
            ),
        }  # fmt: skip
        for name, (fits, expected) in problems.items():
            if not fits:
                said = f"got {getattr(self, name)!r}, expected {expected}"
                raise ConfigError(f"{source}: {name}", said)
