"""Flow matching of action chunks (Lipman et al. 2023, arXiv 2210.02747): loss and samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from vla_core.inference.arrays import same_for_all
from vla_core.policies.blocks.velocity_field import VelocityField
from vla_core.policies.samplers.guidance import Velocity
from vla_core.policies.samplers.plan import Prefix

#: A head that predicts actions errs by a velocity 1 / (1 - tau) times as large, so it learns at
#: times that favour noise: tau = s (1 - z), z ~ Beta(1.5, 1), s = 0.999, as GR00T N1's
#: (arXiv 2503.14734).
NOISIEST, NOISE_SHAPE = 0.999, 1.5
#: Noise samples and times drawn for one context: the DiT is cheap beside what makes the context.
DRAWS = 4


class Sampler(Protocol):
    """Where a field leads, as `FlowMatching` and `Regression` have it."""

    def sample(self, velocity: Velocity, noise: Tensor, prefix: Prefix | None) -> Tensor:
        """Chunks, like `noise`."""


def flow_loss(
    velocity: VelocityField,
    context: Tensor,
    batch: Mapping[str, Tensor],
    noise: torch.Generator,
    predicts: str,
    longest_prefix: int = 0,
) -> Tensor:
    """E || v(A^tau, tau | context, s_t) - (A - eps) ||^2, A^tau = tau A + (1 - tau) eps.

    With a `longest_prefix` a delay d is drawn for every chunk, uniformly from 0 to that many steps,
    as if so many had been committed (arXiv 2512.05964): for steps i < d the network sees A_i itself
    at flow time 1, and the mean is taken over the steps i >= d alone.

    Args:
        context: `(batch, m, width)`.
        batch: `state` `(batch, proprioception)` s_t, `actions` `(batch, H, state)` A; where other
            embodiments are among it `known` `(batch, state)` bool: the mean is taken over these
            numbers of the actions alone.
        predicts: what the field's head gives.
    """
    state = batch["state"].repeat_interleave(DRAWS, dim=0)
    actions = batch["actions"].repeat_interleave(DRAWS, dim=0)
    device = actions.device
    epsilon = torch.randn(actions.shape, generator=noise, device=device)
    tau = drawn_times(torch.rand(len(actions), generator=noise, device=device), predicts)
    mixed = tau[:, None, None] * actions + (1.0 - tau[:, None, None]) * epsilon
    counted = ...
    if "known" in batch:
        known = batch["known"].repeat_interleave(DRAWS, dim=0)
        counted = known[:, None].expand_as(actions)
    if not longest_prefix:
        flow = velocity(mixed, tau, context, state)
        return mse_loss(flow[counted], (actions - epsilon)[counted])
    frozen = drawn_prefix(actions, longest_prefix, noise)
    flow = velocity(mixed, tau, context, state, actions, frozen)
    counted = ~frozen if counted is ... else counted & ~frozen[..., None]
    return mse_loss(flow[counted], (actions - epsilon)[counted])


def drawn_times(uniform: Tensor, predicts: str) -> Tensor:
    """Flow times to learn at, of as many numbers drawn uniformly in [0, 1)."""
    if predicts == "action":
        return NOISIEST * (1.0 - uniform ** (1.0 / NOISE_SHAPE))
    return uniform


def drawn_prefix(actions: Tensor, longest: int, noise: torch.Generator) -> Tensor:
    """`(batch, horizon)` bool: of each chunk its first 0 to `longest` steps, as drawn."""
    batch, horizon, _ = actions.shape
    delay = torch.randint(longest + 1, (batch,), generator=noise, device=actions.device)
    return first_steps(delay, horizon)


def first_steps(count: Tensor, horizon: int) -> Tensor:
    """`(batch, horizon)` bool: the first `count` `(batch,)` steps of each chunk."""
    return torch.arange(horizon, device=count.device) < count[:, None]


@torch.no_grad()
def sample_chunks(
    sampler: Sampler,
    velocity: VelocityField,
    context: Tensor,
    state: Tensor,
    noise: Tensor,
    prefix: Tensor | None = None,
    frozen: Tensor | None = None,
) -> Tensor:
    """Follow the field from noise to chunks.

    Args:
        context: `(batch, m, width)`.
        state: `(batch, proprioception)` normalised.
        noise: `(batch * samples, horizon, state)`, those of one chunk after each other.
        prefix, frozen: what the chunks begin with, as `VelocityField` takes it.

    Returns:
        `(batch, horizon, state)` normalised actions, the means of the samples.
    """
    samples = len(noise) // len(context)
    state = state.repeat_interleave(samples, dim=0)
    if frozen is not None:
        prefix, frozen = (t.repeat_interleave(samples, dim=0) for t in (prefix, frozen))
    given = None if frozen is None else Prefix(prefix, frozen)

    def flow(chunk: Tensor, time: float) -> Tensor:
        return velocity(chunk, same_for_all(chunk, time), context, state, prefix, frozen)

    chunk = sampler.sample(flow, noise, given)
    return chunk.unflatten(0, (-1, samples)).mean(dim=1)
