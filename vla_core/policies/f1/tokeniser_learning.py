"""How the tokeniser learns, before and apart from all else: pictures to codes and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from vla_core.contract.episode import Episode
from vla_core.policies.blocks.picture_coder import pixels
from vla_core.policies.f1.tokeniser import Tokeniser
from vla_core.training.augmentation import moved

#: Weight of the encoder's pull to the codes (van den Oord et al. 2017, arXiv 1711.00937, beta).
COMMITMENT = 0.25
#: Of how often codes are used a moving mean is kept; one used less than a share of the even one is
#: put where something was to be coded.
_KEPT, _DEAD = 0.95, 0.03
#: Pictures to learn from, and to be measured on, at most.
PICTURES, VALIDATION = 20_000, 256


class TokeniserLearning(nn.Module):
    """Squared errors of pictures and codes, and a codebook in which all are used.

    Args:
        tokeniser: what learns.
    """

    def __init__(self, tokeniser: Tokeniser) -> None:
        super().__init__()
        self.tokeniser = tokeniser
        codes = len(tokeniser.quantiser.codebook)
        self.register_buffer("used", torch.full((codes,), 1.0 / codes))

    def forward(self, batch: Mapping[str, Tensor], noise: torch.Generator) -> dict[str, Tensor]:
        """|| x - D(f + sg(f_k - f)) ||^2 + mean_k (|| f_k - sg(f) ||^2 + beta || sg(f_k) - f ||^2).

        f is the encoder's map, f_k what the first k scales add up to. Half of the pictures are
        decoded from all scales, half from the first so many, as drawn: a policy foresees few.
        """
        tokeniser, pictures = self.tokeniser, batch["pictures"]
        features = tokeniser.features(pictures)
        codes, asked, sums = tokeniser.quantiser.encode(features)
        stages = torch.stack(sums)
        count, size = stages.shape[:2]
        drawn = torch.randint(count, (size,), generator=noise, device=features.device)
        whole = torch.arange(size, device=features.device) % 2 == 0
        last = torch.where(whole, count - 1, drawn)
        chosen = stages[last, torch.arange(size, device=features.device)]
        decoded = tokeniser.decoder(features + (chosen - features).detach())
        picture = mse_loss(decoded, pixels(pictures))
        target = features.expand_as(stages)
        coded = mse_loss(stages, target.detach()) + COMMITMENT * mse_loss(target, stages.detach())
        if self.training:
            self._revive(codes, torch.cat(asked, dim=1), noise)
        return {"loss": picture + coded, "picture": picture, "coded": coded}

    @torch.no_grad()
    def _revive(self, codes: Tensor, asked: Tensor, noise: torch.Generator) -> None:
        """Put codes that are hardly used where something was to be coded.

        Args:
            codes: `(batch, n)`.
            asked: `(batch, n, code_width)` for what.
        """
        even = 1.0 / len(self.used)
        shares = torch.bincount(codes.flatten(), minlength=len(self.used)) / codes.numel()
        self.used.lerp_(shares.to(self.used), 1.0 - _KEPT)
        dead = self.used < _DEAD * even
        places = asked.flatten(0, 1)
        rows = torch.randint(len(places), self.used.shape, generator=noise, device=asked.device)
        codebook = self.tokeniser.quantiser.codebook
        codebook.copy_(torch.where(dead[:, None], places[rows], codebook))
        self.used[dead] = even


class PictureBatches:
    """Random pictures of a camera, as others would have seen them.

    Args:
        pictures: `(n, h, w, 3)` uint8.
    """

    def __init__(self, pictures: np.ndarray) -> None:
        self.pictures = pictures

    @classmethod
    def of(cls, episodes: Sequence[Episode], camera: str, most: int) -> PictureBatches:
        """Of all episodes every so many frames, so that there are not more than `most`."""
        every = -(-sum(map(len, episodes)) // most)
        return cls(np.concatenate([e.images[camera][::every] for e in episodes])[:most])

    def __call__(self, rng: np.random.Generator, batch: int) -> dict[str, Tensor]:
        """A random batch."""
        rows = rng.integers(len(self.pictures), size=batch)
        seen = [moved(self.pictures[row][None], rng) for row in rows]
        return {"pictures": torch.from_numpy(np.concatenate(seen))}


@torch.no_grad()
def tokeniser_errors(
    tokeniser: Tokeniser, pictures: np.ndarray, scales: int, batch: int = 32
) -> dict[str, float]:
    """On held-out pictures `(n, h, w, 3)` uint8.

    Returns:
        `psnr_db` of what is decoded from all scales, `psnr_predicted_db` from the first `scales`;
        `used`, the share of the codebook that they take.
    """
    device = next(tokeniser.parameters()).device
    first = sum(tokeniser.quantiser.counts(scales))
    errors, used = {"psnr_db": 0.0, "psnr_predicted_db": 0.0}, []
    for part in np.array_split(pictures, -(-len(pictures) // batch)):
        seen = torch.from_numpy(part).to(device)
        codes = tokeniser.encode(seen)
        used.append(codes.flatten())
        for name, kept in (("psnr_db", codes), ("psnr_predicted_db", codes[:, :first])):
            decoded = tokeniser.picture(tokeniser.quantiser.map_of(kept))
            errors[name] += float((decoded - seen).square().sum())
    psnr = {k: 10.0 * np.log10(255.0**2 * pictures.size / max(v, 1e-9)) for k, v in errors.items()}
    share = len(torch.cat(used).unique()) / len(tokeniser.quantiser.codebook)
    return {**{name: float(value) for name, value in psnr.items()}, "used": share}
