"""Pictures to latent frames and back (eq. 7's E): a small causal video autoencoder."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.picture_coder import (
    PictureDecoder,
    PictureEncoder,
    pictures_of,
    pixels,
)
from vla_core.policies.blocks.temporal import TemporalConvolution
from vla_core.policies.lingbot_va.patches import patched, side_by_side, unpatched, views_of
from vla_core.policies.lingbot_va.sizes import LingBotSizes

#: A latent that hardly changes is not divided by less.
_LEAST_SPREAD = 1e-3


class Vae(nn.Module):
    """z_t = E(o_t | o_<t): every view by itself, the latents side by side; normalised.

    Args:
        sizes: of the policy.
    """

    #: What its weights take in.
    pixels = "rgb/127.5-1"

    def __init__(self, sizes: LingBotSizes) -> None:
        super().__init__()
        self.cameras, self.patch, self.rows = sizes.cameras, sizes.patch, sizes.grid[0]
        self.register_buffer("mean", torch.zeros(sizes.latent_channels))
        self.register_buffer("spread", torch.ones(sizes.latent_channels))

    def encode(self, pictures: Tensor) -> Tensor:
        """A whole video.

        Args:
            pictures: `(batch, n, cameras, h, w, 3)` uint8: one of the first latent frame, then as
                many as each other one has.

        Returns:
            `(batch, frames, N, token_numbers)`.
        """
        return self._tokens(self.means(pictures))

    def step(self, pictures: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """The next latent frame alone, as `encode` gives it of the whole video.

        Args:
            pictures: `(batch, n, cameras, h, w, 3)` uint8, of that frame.
            kept: `(batch, k)` of those before; `first_kept` zeros before the first.

        Returns:
            `(batch, N, token_numbers)`, and what to keep for the next one.
        """
        means, kept = self.next_means(pictures, kept)
        return self._tokens(means[:, None])[:, 0], kept

    def decode(self, tokens: Tensor) -> Tensor:
        """`(batch, frames, N, token_numbers)` -> `(batch, n, cameras, h, w, 3)` in 0..255."""
        maps = views_of(unpatched(tokens, self.patch, self.rows), self.cameras)
        return self.pictures(maps * self._spread + self._mean)

    @abstractmethod
    def means(self, pictures: Tensor) -> Tensor:
        """`(batch, n, cameras, h, w, 3)` -> `(batch, frames, cameras, channels, side, side)`."""

    @abstractmethod
    def next_means(self, pictures: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """`(batch, cameras, channels, side, side)` of the next frame; and what to keep."""

    @abstractmethod
    def pictures(self, maps: Tensor) -> Tensor:
        """`(batch, frames, cameras, channels, side, side)` to pictures, as `decode` has them."""

    @property
    def _mean(self) -> Tensor:
        return self.mean[:, None, None]

    @property
    def _spread(self) -> Tensor:
        return self.spread.clamp(min=_LEAST_SPREAD)[:, None, None]

    def _tokens(self, means: Tensor) -> Tensor:
        normal = (means - self._mean) / self._spread
        return patched(side_by_side(normal), self.patch)


class SmallVae(Vae):
    """Convolutions of each picture, then at each place a causal one over the frames.

    A latent is the mean of a normal distribution; decoding is picture by picture.

    Args:
        sizes: of the policy.
    """

    def __init__(self, sizes: LingBotSizes) -> None:
        super().__init__(sizes)
        channels, blocks, width = sizes.vae_channels, sizes.vae_blocks, sizes.vae_channels[-1]
        self.side = sizes.image_size // sizes.pixels
        self.encoder = PictureEncoder(channels, blocks, width)
        self.past = TemporalConvolution(width, sizes.vae_moments)
        self.head = nn.Linear(width, 2 * sizes.latent_channels)
        self.decoder = PictureDecoder(channels, blocks, sizes.latent_channels)

    def distributions(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Means, as `means` has them, and logarithms of variances, likewise."""
        batch, frames = pictures.shape[:2]
        places = self._places(pictures).unflatten(0, (batch, frames))
        return self._parts(self.past(places))

    def means(self, pictures: Tensor) -> Tensor:
        """Of the distributions."""
        return self.distributions(pictures)[0]

    def next_means(self, pictures: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """`kept` are the inputs of each layer over the frames."""
        places = self._places(pictures)
        before = kept.reshape(len(kept), self.past.reach, *places.shape[1:])
        answer, later = self.past.step(places, before)
        return self._parts(answer[:, None])[0][:, 0], later.flatten(1)

    def pictures(self, maps: Tensor) -> Tensor:
        """Each latent frame is one."""
        seen = pictures_of(self.decoder(maps.flatten(0, 2)))
        return seen.unflatten(0, maps.shape[:3])

    def _places(self, pictures: Tensor) -> Tensor:
        """`(batch, n, cameras, h, w, 3)` -> `(batch * n, cameras * side * side, width)`."""
        maps = self.encoder(pixels(pictures.flatten(0, 2)))
        return maps.flatten(2).transpose(1, 2).unflatten(0, (-1, self.cameras)).flatten(1, 2)

    def _parts(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """`(batch, frames, places, width)` to both parts of the distributions."""
        maps = self.head(places).unflatten(2, (self.cameras, self.side, self.side))
        return maps.transpose(-1, -2).transpose(-2, -3).chunk(2, dim=-3)
