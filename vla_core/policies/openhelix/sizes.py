"""Sizes of OpenHelix's networks, the paper's ablations of them among these; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from vla_core.errors import ConfigError
from vla_core.policies.backbones.catalogue import SENTENCE
from vla_core.policies.samplers.ddim import Ddim
from vla_core.policies.samplers.diffusion import Prediction

#: Numbers of a hand's pose, and of a hand with how far it is closed, as `hands.ACTION` has them.
POSE, HAND = 9, 10


@dataclass(frozen=True, kw_only=True)
class OpenHelixSizes:
    """Configuration; `policy.json` holds it under `model`.

    Attributes:
        image_size: side of the square camera pictures [pixels].
        cameras: number of views.
        hands: of the robot.
        vit_stem, vit_layers: channels of the encoder's convolutional stem; transformer layers.
        heads: attention heads, everywhere but in the language model.
        horizon: T, targets in a chunk.
        language: the language model, a backbone; `language_width`: numbers of its states.
        sees: System 2 is shown pictures; else it is the paper's language model without vision.
        grid: places a side and camera that it is shown.
        width: d, of System 1.
        scene_layers, layers: of System 1's scene and of its denoiser.
        longest_m, shortest_m: wavelengths of the rotary attention [m].
        predicts: what the denoiser says, a `Prediction`; the paper's is noise.
        noise_levels: of diffusion in training.
        ddim_steps: of sampling, a divisor of them.
        clip: the foreseen chunk is kept within plus and minus this, in standard deviations.
        noise_scale: of the noise that sampling starts from; 1 is the paper's.
        samples: chunks that are drawn and averaged.
    """

    image_size: int
    cameras: int
    hands: int
    vit_stem: tuple[int, ...]
    vit_layers: int
    heads: int
    horizon: int
    language: str
    language_width: int = 384
    sees: bool = True
    grid: int
    width: int
    scene_layers: int
    layers: int
    longest_m: float = 4.0
    shortest_m: float = 0.05
    predicts: str = Prediction.NOISE.value
    noise_levels: int = 100
    ddim_steps: int = 10
    clip: float = 5.0
    noise_scale: float = 1.0
    samples: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "vit_stem", tuple(self.vit_stem))
        predictions = [member.value for member in Prediction]
        for name, fits, expected in (
            ("predicts", self.predicts in predictions, f"one of {', '.join(predictions)}"),
            ("language", self.language == SENTENCE.name, SENTENCE.name),
            ("hands", self.hands > 0, "a robot with end effectors"),
            ("width", self.width % (6 * self.heads) == 0, f"a multiple of 6 x {self.heads} heads"),
            ("grid", self._divides_grid(), f"a divisor of the {self._side} patches a side"),
            ("ddim_steps", self._divides_levels(), f"2 or more that divide {self.noise_levels}"),
            ("shortest_m", 0.0 < self.shortest_m < self.longest_m, f"0 to {self.longest_m:g}"),
        ):
            if not fits:
                got = getattr(self, name)
                raise ConfigError(f"model.{name}", f"got {got!r}, expected {expected}")

    @property
    def _side(self) -> int:
        return self.image_size >> len(self.vit_stem)

    def _divides_grid(self) -> bool:
        return self.grid > 0 and self._side % self.grid == 0

    def _divides_levels(self) -> bool:
        return self.ddim_steps > 1 and self.noise_levels % self.ddim_steps == 0

    @property
    def sampler(self) -> Ddim:
        """How its denoiser is sampled."""
        return Ddim(self.ddim_steps, self.noise_levels, Prediction(self.predicts), self.clip)
