"""Wan 2.2's causal video autoencoder, by diffusers' class, frame by frame like the small one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vla_core.errors import ConfigError
from vla_core.policies.lingbot_va.sizes import LingBotSizes
from vla_core.policies.lingbot_va.vae import Vae

#: Its sizes: 4 x 16 x 16 pixels to 48 numbers.
_WAN22 = {
    "base_dim": 160,
    "decoder_base_dim": 256,
    "z_dim": 48,
    "num_res_blocks": 2,
    "is_residual": True,
    "in_channels": 12,
    "out_channels": 12,
    "patch_size": 2,
    "scale_factor_spatial": 16,
}


class WanVae(Vae):
    """diffusers' `AutoencoderKLWan`; runs on torch alone, its cache is of many shapes.

    Args:
        sizes: of the policy.
        changes: of Wan 2.2's own, for tests.
    """

    def __init__(self, sizes: LingBotSizes, **changes: Any) -> None:
        super().__init__(sizes)
        from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan

        self.wan = AutoencoderKLWan(**_WAN22 | changes)
        self._shapes: dict[int, dict[int, torch.Size]] = {}
        """Of its cache, place by place, by the numbers that it takes."""

    def read(self, folder: Path) -> None:
        """Take the weights in `vae` of a folder in diffusers' layout.

        Raises:
            ConfigError: none such are there.
            OSError, RuntimeError: what is there is not readable, or of other sizes.
        """
        part = folder / "vae"
        if not part.is_dir():
            raise ConfigError(str(folder), f"has no {part.name}: is no Wan 2.2 as diffusers has it")
        read = type(self.wan).from_pretrained(part)
        self.wan.load_state_dict(read.state_dict())
        self.mean.copy_(torch.tensor(read.config.latents_mean))
        self.spread.copy_(torch.tensor(read.config.latents_std))

    def means(self, pictures: Tensor) -> Tensor:
        """Of its distributions."""
        return self._views(self.wan.encode(self._videos(pictures)).latent_dist.mode())

    def next_means(self, pictures: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """One picture first, then four at a time; `kept` comes from this object itself."""
        from diffusers.models.autoencoders.autoencoder_kl_wan import patchify

        wan, videos = self.wan, self._videos(pictures)
        wan.clear_cache()
        cache = wan._enc_feat_map
        if kept.shape[1]:
            each = kept.unflatten(1, (self.cameras, -1)).flatten(0, 1)
            shapes = self._shapes[each.shape[1]]
            parts = each.split([shape.numel() for shape in shapes.values()], dim=1)
            for (place, shape), part in zip(shapes.items(), parts, strict=True):
                cache[place] = part.unflatten(1, shape)
        encoded = wan.encoder(
            patchify(videos, wan.config.patch_size), feat_cache=cache, feat_idx=[0]
        )
        means = wan.quant_conv(encoded).chunk(2, dim=1)[0]
        used = {place: part for place, part in enumerate(cache) if part is not None}
        later = torch.cat([part.flatten(1) for part in used.values()], dim=1)
        self._shapes[later.shape[1]] = {place: part.shape[1:] for place, part in used.items()}
        wan.clear_cache()
        return self._views(means)[:, 0], later.unflatten(0, (-1, self.cameras)).flatten(1)

    def pictures(self, maps: Tensor) -> Tensor:
        """One of the first latent frame, four of each other."""
        videos = maps.transpose(1, 2).flatten(0, 1).transpose(1, 2)
        seen = self.wan.decode(videos).sample
        return (self._views(seen).movedim(3, -1) + 1.0) * 127.5

    def _videos(self, pictures: Tensor) -> Tensor:
        """`(batch, n, cameras, h, w, 3)` -> `(batch * cameras, 3, n, h, w)` in -1..1."""
        return pictures.transpose(1, 2).flatten(0, 1).permute(0, 4, 1, 2, 3) / 127.5 - 1.0

    def _views(self, videos: Tensor) -> Tensor:
        """`(batch * cameras, channels, n, h, w)` -> `(batch, n, cameras, channels, h, w)`."""
        return videos.unflatten(0, (-1, self.cameras)).permute(0, 3, 1, 2, 4, 5)
