"""Sizes of CLaD's networks, the paper's ablations of them among these; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from vla_core.errors import ConfigError
from vla_core.policies.samplers.ddim import Ddim
from vla_core.policies.samplers.diffusion import Prediction


class Attention(Enum):
    """Which transition queries which (the paper's table 5)."""

    PROPRIOCEPTION = "proprioception"
    """Proprioception queries semantics, eq. 9."""
    SEMANTICS = "semantics"
    """Semantics queries proprioception."""
    SYMMETRIC = "symmetric"
    """Self-attention over both."""


class Foresight(Enum):
    """What the policy is told of the future (section 5.3, the contribution of each modality)."""

    BOTH = "both"
    PROPRIOCEPTIVE = "proprioceptive"
    SEMANTIC = "semantic"
    NONE = "none"
    """There are no dynamics either: the policy sees the present alone."""


#: What `model` may say of each.
_CHOICES = {"attention": Attention, "foresight": Foresight, "predicts": Prediction}


@dataclass(frozen=True, kw_only=True)
class CladSizes:
    """Configuration; `policy.json` holds it under `model`.

    Attributes:
        image_size: side of the square camera pictures [pixels].
        cameras: number of views.
        vit_stem, vit_layers: channels of the encoder's convolutional stem; transformer layers.
        heads: attention heads, everywhere.
        state: numbers in the state vector, and in an action.
        velocities: joint velocities that proprioception holds beside the state; 0: none.
        horizon: n, targets in a chunk and steps of foresight.
        vocabulary: known words; the text code has one more, for padding.
        max_words: longest instruction.
        text_width: numbers that the frozen code of a word has.
        grid: the encoder's patches are averaged to so many a side and camera; 1: one vector a
            camera, as of an encoder of whole pictures.
        place_numbers: to which each of these places is squeezed before the semantic MLP; 0: not.
        width: d, of all tokens but the denoiser's own.
        proprioceptive_tokens, semantic_tokens: L_p and L_s.
        dynamics_layers: of the cross-attention.
        queries: learnable queries that pool it.
        dit_width, dit_layers: of the denoiser.
        attention, foresight: an `Attention` and a `Foresight`, the paper's or an ablation of it.
        action_free: the dynamics never see actions.
        reconstructs: the foresights are decoded, to anchor them and to show them.
        predicts: what the denoiser says, a `Prediction`; the paper's is noise.
        noise_levels: K, of diffusion in training.
        ddim_steps: of sampling, a divisor of K.
        clip: the foreseen chunk is kept within plus and minus this, in standard deviations.
        noise_scale: of the noise that sampling starts from; 1 is the paper's.
        samples: chunks that are drawn and averaged.
    """

    image_size: int
    cameras: int
    vit_stem: tuple[int, ...]
    vit_layers: int
    heads: int
    state: int
    velocities: int = 0
    horizon: int
    vocabulary: tuple[str, ...]
    max_words: int
    text_width: int = 16
    grid: int
    place_numbers: int = 0
    width: int
    proprioceptive_tokens: int
    semantic_tokens: int
    dynamics_layers: int
    queries: int
    dit_width: int
    dit_layers: int
    attention: str = Attention.PROPRIOCEPTION.value
    foresight: str = Foresight.BOTH.value
    action_free: bool = False
    reconstructs: bool = True
    predicts: str = Prediction.NOISE.value
    noise_levels: int = 100
    ddim_steps: int = 10
    clip: float = 5.0
    noise_scale: float = 1.0
    samples: int = 1

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            known = [member.value for member in kind]
            if (got := getattr(self, name)) not in known:
                said = f"got {got!r}, expected one of {', '.join(known)}"
                raise ConfigError(f"model.{name}", said)
        object.__setattr__(self, "vit_stem", tuple(self.vit_stem))
        object.__setattr__(self, "vocabulary", tuple(self.vocabulary))
        side = self.image_size >> len(self.vit_stem)
        if self.grid < 1 or side % self.grid:
            raise ConfigError(
                "model.grid", f"got {self.grid}, expected a divisor of the {side} patches a side"
            )
        if self.ddim_steps < 2 or self.noise_levels % self.ddim_steps:
            raise ConfigError(
                "model.ddim_steps",
                f"got {self.ddim_steps}, expected 2 or more that divide {self.noise_levels}",
            )

    @property
    def proprioception(self) -> int:
        """Numbers in proprioception: state and velocities."""
        return self.state + self.velocities

    @property
    def places(self) -> int:
        """Places of all cameras that semantics are seen at."""
        return self.cameras * self.grid**2

    @property
    def foresees(self) -> bool:
        """Whether there are dynamics, and so a foresight."""
        return self.foresight != Foresight.NONE.value

    @property
    def sampler(self) -> Ddim:
        """How its denoiser is sampled."""
        prediction = Prediction(self.predicts)
        return Ddim(self.ddim_steps, self.noise_levels, prediction, self.clip)
