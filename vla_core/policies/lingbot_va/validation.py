"""How far forecasts and chunks are from what was shown, on held-out sequences of one episode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vla_core.inference.arrays import same_for_all
from vla_core.policies.blocks.flow_matching import sample_chunks
from vla_core.policies.lingbot_va.model import LingBotVa
from vla_core.policies.lingbot_va.unified_action import IS_JOINT, UnifiedScaling
from vla_core.policies.visuomotor.validation import chunk_errors


@torch.no_grad()
def dreamt(model: LingBotVa, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """What follows from the first `history + 1` frames of sequences, without guidance.

    Args:
        batch: as `losses` has it, of `history + 1 + chunk_frames` latent frames.

    Returns:
        The chunk of latent frames `(batch, K * N, token_numbers)` at flow time `video_until`; what
        the actions that lead to it see, `(batch, m, cache_width)`; `now` `(batch,)`.
    """
    sizes, latents, words = model.sizes, batch["latents"], batch["words"][:, 0]
    count, generator = len(latents), torch.Generator().manual_seed(0)
    clean = torch.ones(count, device=latents.device)
    cache = latents.new_zeros(count, 0, sizes.cache_width)

    def shown(of: Tensor) -> Tensor:
        return torch.ones(of.shape[:2], dtype=torch.bool, device=of.device)

    for frame in range(sizes.history + 1):
        now = frame * clean
        told = (latents[:, frame], clean, batch["actions"][:, frame], words, now)
        cache = torch.cat([cache, model.remember(*told, cache, shown(cache))], dim=1)
    shape = (count, sizes.chunk_frames * sizes.frame_tokens, sizes.token_numbers)
    noise = torch.randn(shape, generator=generator).to(latents.device)
    seen = (words, now, cache, shown(cache))

    def flow(chunk: Tensor, time: float) -> Tensor:
        return model.dream(chunk, same_for_all(chunk, time), *seen)

    chunk = sizes.video_sampler.sample(flow, noise)
    looked = model.look(chunk, sizes.video_until * clean, *seen)
    return chunk, torch.cat([cache, looked], dim=1), now


def video_errors(model: LingBotVa, batch: Mapping[str, Tensor]) -> dict[str, float]:
    """Root mean squares in standard deviations of a latent: `video`, `video_still`.

    Of the forecast, denoised to the end for this, and of "nothing changes".
    """
    sizes, latents = model.sizes, batch["latents"]
    first = sizes.history + 1
    true, now = latents[:, first:].flatten(1, 2), latents[:, first - 1]
    still = now.repeat(1, sizes.chunk_frames, 1)
    chunk, context, time = dreamt(model, batch)
    cache = context[:, : first * sizes.unit_tokens]
    until = torch.full_like(time, sizes.video_until)
    shown = torch.ones(cache.shape[:2], dtype=torch.bool, device=cache.device)
    with torch.no_grad():
        flow = model.dream(chunk, until, batch["words"][:, 0], time, cache, shown)
    forecast = chunk + (1.0 - sizes.video_until) * flow
    errors = {"video": forecast - true, "video_still": still - true}
    return {name: float(error.square().mean().sqrt()) for name, error in errors.items()}


class _Joints(NamedTuple):
    """What `chunk_errors` asks of a normalisation: the spread of joints, 0 of all else."""

    action_std: np.ndarray


def policy_errors(
    model: LingBotVa, batch: Mapping[str, Tensor], scaling: UnifiedScaling, prefix_steps: int
) -> dict[str, float]:
    """Those of `video_errors`, and those of `chunk_errors` for the joints."""
    sizes = model.sizes
    _, context, now = dreamt(model, batch)
    shown = torch.ones(context.shape[:2], dtype=torch.bool, device=context.device)
    actions = batch["actions"][:, sizes.history + 1 :].flatten(1, 2)
    known = batch["known"][0].cpu().numpy() & IS_JOINT
    velocity = model.velocity

    def field(
        chunk: Tensor, time: Tensor, context: Tensor, now: Tensor, *begun: Tensor | None
    ) -> Tensor:
        draws = len(chunk) // len(context)
        told = (t.repeat_interleave(draws, dim=0) for t in (context, shown))
        return velocity(chunk, time, *told, now, *begun)

    def sample(noise: Tensor, *prefix: Tensor) -> Tensor:
        return sample_chunks(sizes.sampler, field, context, now, noise, *prefix)

    joints = _Joints(np.where(known, scaling.scaling.scale, 0.0))
    found = chunk_errors(sample, sizes, {"actions": actions}, joints, prefix_steps)
    return found | video_errors(model, batch)
