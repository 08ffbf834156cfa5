"""Sizes of LingBot-VA's networks, and how they are run; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from vla_core.errors import ConfigError
from vla_core.policies.blocks.group_norm import GROUPS
from vla_core.policies.blocks.words import InstructionShape
from vla_core.policies.samplers.flow import FlowMatching
from vla_core.policies.visuomotor.language import WORDS, check_language, instruction_shape
from vla_core.policies.visuomotor.sizes import PREDICTIONS

#: Numbers of a two-arm action (`unified_action`).
ACTION = 30
#: `model.vae`: a small one that is trained here; or Wan 2.2's.
SMALL, WAN = "small", "wan"
#: Wan 2.2's: pictures in a latent frame, pixels of a side, channels.
_WAN_FRAMES, _WAN_SIDE, _WAN_CHANNELS = 4, 16, 48


@dataclass(frozen=True, kw_only=True)
class LingBotSizes:
    """Configuration; `policy.json` holds it under `model`.

    A latent frame is one picture, or `vae_frames` of them, of all views side by side.

    Attributes:
        image_size: side of the square camera pictures [pixels].
        cameras: number of views.
        vocabulary: known words; the text embedding has one more, for padding.
        max_words: longest instruction; 0 with `language: sentence`.
        language: how instructions are understood, `words` or `sentence`.
        frame_steps: tau, steps from one picture to the next.
        chunk_frames: K at run time, latent frames that are foreseen at once.
        longest_chunk: K in training is drawn up to this.
        vae: `SMALL` or `WAN`.
        vae_channels, vae_blocks: of the small one: of each halving of the picture; residual blocks
            each.
        vae_moments: frames that the small one's latent is made of, a power of 2.
        latent_channels: of a place of a latent frame.
        patch: places of a latent frame that are one token, a side.
        layers, heads: of both streams, which share attention.
        video_width, video_hidden: d_v, of the video stream's tokens, and of its MLPs.
        action_width, action_hidden: d_a, likewise.
        text_width: of an instruction's tokens as they come from the text encoder.
        time_width: numbers that a flow time is written in.
        action_code: hidden width of the action encoder and decoder.
        window: latent frames that are remembered, each with the actions that led to it.
        history: latent frames before now that a robot which has just begun asks for.
        predicts: what the action stream's head gives, `velocity` or `action` (`VelocityField`).
        video_steps, video_until: Euler steps of the video's flow, and the flow time s they end at.
        video_guidance: scale of classifier-free guidance of the video; 1: without.
        imagined_steps: Euler steps of a frame that follows from committed actions; they end at 1.
        euler_steps: of the actions' flow.
        noise_scale: of the noise that sampling of actions starts from; 1 is the paper's.
        samples: chunks that are drawn and averaged.
        grounded: what committed actions lead to follows from the newest real frame (figure 4,
            B-2); else it is what was foreseen before (B-1).
        unsure_from: root mean square error of a forecast, in standard deviations of a latent,
            beyond which the path is slowed; 0: never.
    """

    image_size: int
    cameras: int
    vocabulary: tuple[str, ...]
    max_words: int = 0
    language: str = WORDS
    frame_steps: int = 4
    chunk_frames: int = 4
    longest_chunk: int = 4
    vae: str = SMALL
    vae_channels: tuple[int, ...] = ()
    vae_blocks: int = 1
    vae_moments: int = 4
    latent_channels: int
    patch: int = 2
    layers: int
    heads: int
    video_width: int
    video_hidden: int
    action_width: int
    action_hidden: int
    text_width: int
    time_width: int = 256
    action_code: int = 256
    window: int
    history: int
    predicts: str = "velocity"
    video_steps: int = 3
    video_until: float = 0.6
    video_guidance: float = 5.0
    imagined_steps: int = 5
    euler_steps: int = 10
    noise_scale: float = 1.0
    samples: int = 1
    grounded: bool = True
    unsure_from: float = 0.0

    def __post_init__(self) -> None:
        for name in ("vocabulary", "vae_channels"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_language(self.language, self.max_words)
        small, width = self.vae == SMALL, self.video_width
        shape = self.instruction_shape
        problems = {
            "vae": (self.vae in (SMALL, WAN), f"{SMALL} or {WAN}"),
            "vae_channels": (
                not any(c % GROUPS for c in self.vae_channels) and small == bool(self.vae_channels),
                f"multiples of {GROUPS} with `vae: {SMALL}`, else none",
            ),
            "vae_moments": (
                self.vae_moments.bit_count() == 1 and self.vae_moments > 1, "a power of 2 above 1"
            ),
            "latent_channels": (
                small or self.latent_channels == _WAN_CHANNELS, f"{_WAN_CHANNELS}: Wan 2.2's"
            ),
            "image_size": (
                self.image_size % (self.pixels * self.patch) == 0,
                f"a multiple of {self.pixels * self.patch}, a token's pixels",
            ),
            "layers": (self.layers >= 2, "2 or more: what is remembered is told in the second"),
            "heads": (
                width % (2 * self.heads) == 0 and width // self.heads >= 6,
                "heads of an even width of at least 6",
            ),
            "time_width": (self.time_width % 2 == 0, "an even number"),
            "text_width": (
                shape.width in (0, self.text_width), f"{shape.width}, the sentence encoder's"
            ),
            "chunk_frames": (
                1 <= self.chunk_frames <= self.longest_chunk, f"1 to {self.longest_chunk}"
            ),
            "history": (0 <= self.history < self.window, "less than the window"),
            "predicts": (self.predicts in PREDICTIONS, " or ".join(PREDICTIONS)),
            "video_until": (0.0 < self.video_until <= 1.0, "above 0 to 1"),
            "unsure_from": (self.unsure_from >= 0.0, "0 or more"),
        }  # fmt: skip
        for name, (fits, expected) in problems.items():
            if not fits:
                said = f"got {getattr(self, name)!r}, expected {expected}"
                raise ConfigError(f"model.{name}", said)

    @property
    def vae_frames(self) -> int:
        """Pictures of a latent frame, the first one aside, which is of one."""
        return _WAN_FRAMES if self.vae == WAN else 1

    @property
    def pixels(self) -> int:
        """Of a place of a latent frame, a side."""
        return _WAN_SIDE if self.vae == WAN else 2 ** len(self.vae_channels)

    @property
    def first_kept(self) -> int:
        """Numbers that the video encoder keeps of the past before there is any, all 0."""
        if self.vae == WAN:
            return 0
        levels = (self.vae_moments - 1).bit_length()
        places = self.cameras * (self.image_size // self.pixels) ** 2
        return (2**levels - 1) * places * self.vae_channels[-1]

    @property
    def unit_steps(self) -> int:
        """Actions from one latent frame to the next."""
        return self.frame_steps * self.vae_frames

    @property
    def horizon(self) -> int:
        """Actions in a chunk: tau K."""
        return self.chunk_frames * self.unit_steps

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of a latent frame's tokens, views side by side."""
        rows = self.image_size // (self.pixels * self.patch)
        return rows, rows * self.cameras

    @property
    def frame_tokens(self) -> int:
        """N, tokens of a latent frame."""
        rows, columns = self.grid
        return rows * columns

    @property
    def token_numbers(self) -> int:
        """Numbers of a latent frame that a token holds."""
        return self.latent_channels * self.patch**2

    @property
    def unit_tokens(self) -> int:
        """Of a latent frame and the actions that led to it."""
        return self.frame_tokens + self.unit_steps

    @property
    def cache_width(self) -> int:
        """Numbers of a token that is remembered: keys and values of all layers."""
        return 2 * self.layers * self.video_width

    @property
    def rows(self) -> int:
        """Of what is remembered: as told, and with guidance as told nothing."""
        return 1 if self.video_guidance == 1.0 else 2

    @property
    def moments(self) -> int:
        """Pictures of the past that are asked for, each `frame_steps` after the other."""
        return (self.history + 1) * self.vae_frames - 1

    @property
    def instruction_shape(self) -> InstructionShape:
        """What an instruction is to the networks."""
        return instruction_shape(self.language, self.vocabulary, self.max_words)

    @property
    def sampler(self) -> FlowMatching:
        """How its actions are sampled."""
        return FlowMatching(self.euler_steps)

    @property
    def video_sampler(self) -> FlowMatching:
        """How far its video is sampled."""
        return FlowMatching(self.video_steps, until=self.video_until)

    @property
    def imagined_sampler(self) -> FlowMatching:
        """How what committed actions lead to is sampled."""
        return FlowMatching(self.imagined_steps)
