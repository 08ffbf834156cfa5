"""How the small autoencoder learns, before and apart from all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from vla_core.contract.episode import Episode
from vla_core.policies.blocks.picture_coder import pixels
from vla_core.policies.lingbot_va.vae import SmallVae
from vla_core.training.augmentation import moved

#: Weight of the divergence from a normal distribution, beside the squared error of a picture.
DIVERGENCE = 1e-4
#: Of mean and spread of the latents a moving mean is kept.
_KEPT = 0.99
#: Clips to be measured on, at most.
VALIDATION = 64


class VaeLearning(nn.Module):
    """Evidence lower bound of pictures (Kingma and Welling 2014, arXiv 1312.6114).

    Args:
        vae: what learns; its normalisation follows what it gives.
    """

    def __init__(self, vae: SmallVae) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, batch: Mapping[str, Tensor], noise: torch.Generator) -> dict[str, Tensor]:
        """mean || x - D(z) ||^2 + beta KL(N(mu, sigma^2) || N(0, 1)), z = mu + sigma eps.

        KL = (mu^2 + sigma^2 - 1 - log sigma^2) / 2, the mean over the numbers of a latent; pictures
        are in -1..1.

        Args:
            batch: `pictures` `(batch, frames, cameras, h, w, 3)` uint8.
        """
        pictures = batch["pictures"]
        mean, log = self.vae.distributions(pictures)
        log = log.clamp(-30.0, 20.0)
        drawn = torch.randn(mean.shape, generator=noise, device=mean.device)
        latents = mean + (0.5 * log).exp() * drawn
        decoded = self.vae.decoder(latents.flatten(0, 2))
        picture = mse_loss(decoded, pixels(pictures.flatten(0, 2)))
        divergence = 0.5 * (mean.square() + log.exp() - 1.0 - log).mean()
        if self.training:
            self._follow(mean.detach())
        loss = picture + DIVERGENCE * divergence
        return {"loss": loss, "picture": picture, "divergence": divergence}

    @torch.no_grad()
    def _follow(self, means: Tensor) -> None:
        axes = (0, 1, 2, 4, 5)
        self.vae.mean.lerp_(means.mean(dim=axes), 1.0 - _KEPT)
        self.vae.spread.lerp_(means.std(dim=axes), 1.0 - _KEPT)


class ClipBatches:
    """Random clips of episodes, as other cameras would have seen them.

    Args:
        episodes: recordings; all their frames are kept in memory.
        cameras: views in the policy's order.
        every: frames from one picture to the next.
        count: pictures of a clip.
    """

    def __init__(
        self, episodes: Sequence[Episode], cameras: Sequence[str], every: int, count: int
    ) -> None:
        self._views = [
            np.stack([episode.images[camera] for camera in cameras], axis=1) for episode in episodes
        ]
        self._back = every * np.arange(count - 1, -1, -1)

    def __call__(self, rng: np.random.Generator, batch: int) -> dict[str, Tensor]:
        """A random batch."""
        clips = [self._clip(rng) for _ in range(batch)]
        seen = [moved(clip.reshape(-1, *clip.shape[2:]), rng).reshape(clip.shape) for clip in clips]
        return {"pictures": torch.from_numpy(np.stack(seen))}

    def some(self, count: int) -> Tensor:
        """`(count, frames, cameras, h, w, 3)` uint8, always the same ones, as they are."""
        rng = np.random.default_rng(0)
        return torch.from_numpy(np.stack([self._clip(rng) for _ in range(count)]))

    def _clip(self, rng: np.random.Generator) -> np.ndarray:
        views = self._views[rng.integers(len(self._views))]
        # before an episode's first frame, that one
        return views[np.maximum(rng.integers(len(views)) - self._back, 0)]


@torch.no_grad()
def vae_errors(vae: SmallVae, clips: Tensor, batch: int = 8) -> dict[str, float]:
    """`psnr_db` of the last pictures of held-out clips `(n, frames, cameras, h, w, 3)` uint8."""
    device, error, count = next(vae.parameters()).device, 0.0, 0
    for part in clips.split(batch):
        seen = part.to(device)
        decoded = vae.decode(vae.encode(seen)[:, -1:])[:, -1]
        error += float((decoded - seen[:, -1]).square().sum())
        count += decoded.numel()
    return {"psnr_db": float(10.0 * np.log10(255.0**2 * count / max(error, 1e-9)))}
