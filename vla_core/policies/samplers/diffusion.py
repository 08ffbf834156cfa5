"""Diffusion (Ho et al. 2020, arXiv 2006.11239): a chunk is what is left when noise is taken off.

The steps are those of the `diffusers` library's schedulers, which is imported where a sampler is
made: it costs seconds and 100 MB. The loop around them stands here once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from vla_core.errors import ConfigError
from vla_core.inference.arrays import Array
from vla_core.policies.samplers.guidance import Jacobian, guided_velocity, without_gradient
from vla_core.policies.samplers.plan import Guide, Prefix

if TYPE_CHECKING:
    from torch import Tensor

#: What the network says of a noisy chunk `(batch, horizon, width)` at a step of its training.
Denoiser = Callable[[Array, int], Array]

_BETAS = "squaredcos_cap_v2"


class Scheduler(Enum):
    """How a step is taken."""

    DDPM = "ddpm"
    """With new noise at each step (Ho et al. 2020, algorithm 2)."""
    DDIM = "ddim"
    """Without, so few steps are enough (Song et al. 2021, arXiv 2010.02502, eq. 12, sigma = 0)."""


class Prediction(Enum):
    """What the network has learned to say of a noisy chunk x = signal x0 + noise e."""

    NOISE = "noise"
    """e."""
    CHUNK = "chunk"
    """x0."""
    VELOCITY = "velocity"
    """signal e - noise x0 (Salimans and Ho 2022, arXiv 2202.00512, section 4)."""

    def answer(self, chunk: Tensor, drawn: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
        """What the network ought to say of the noisy `chunk`.

        Args:
            chunk: x0.
            drawn: e.
            signal, noise: as for `chunk`.
        """
        if self is Prediction.NOISE:
            return drawn
        return chunk if self is Prediction.CHUNK else signal * drawn - noise * chunk

    def chunk(self, said: Tensor, noisy: Tensor, signal: float, noise: float) -> Tensor:
        """x0 as the network foresees it.

        Args:
            said: by the network.
            noisy: x.
            signal, noise: shares of x0 and e; their squares sum to 1.
        """
        if self is Prediction.NOISE:
            return (noisy - noise * said) / signal
        return said if self is Prediction.CHUNK else signal * noisy - noise * said


@lru_cache
def signal_powers(trained_steps: int) -> Tensor:
    """`(trained_steps,)` alpha bar of `Diffusion`'s schedule: x0's share of x, squared."""
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    schedule = DDPMScheduler(num_train_timesteps=trained_steps, beta_schedule=_BETAS)
    return schedule.alphas_cumprod


class Diffusion:
    """Steps from noise to data on the squared cosine schedule (Nichol and Dhariwal 2021).

    Guidance is real-time chunking's (`guidance`). With A = x / (signal + noise) at the flow time
    tau = signal / (signal + noise), a DDIM step is Euler's along the flow that leads to the chunk
    which is foreseen; so that chunk is pulled as eq. 2 pulls it, and DDPM takes it the same way.

    Args:
        scheduler: how a step is taken.
        steps: how many: equally spaced among the network's own.
        trained_steps: how many those are.
        prediction: what it says.
        clip: the chunk that is foreseen in each step is kept within plus and minus this; 0: it is
            left as it is.
        jacobian: of the guidance, where there is one.

    Raises:
        ConfigError: steps with which the first would not be taken from noise.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        steps: int,
        trained_steps: int = 100,
        prediction: Prediction = Prediction.NOISE,
        clip: float = 0.0,
        jacobian: Jacobian = Jacobian.IDENTITY,
    ) -> None:
        if steps < 2 or trained_steps % steps:
            raise ConfigError(
                "steps",
                f"got {steps}, expected 2 or more that divide the network's {trained_steps}, "
                "else the first is not taken from noise",
            )
        from diffusers.schedulers.scheduling_ddim import DDIMScheduler
        from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

        kind = {Scheduler.DDPM: DDPMScheduler, Scheduler.DDIM: DDIMScheduler}[scheduler]
        self._scheduler = kind(
            num_train_timesteps=trained_steps,
            beta_schedule=_BETAS,
            prediction_type="sample",
            clip_sample=clip > 0.0,
            clip_sample_range=clip or 1.0,
        )
        self._scheduler.set_timesteps(steps)
        self._prediction = prediction
        self._jacobian = jacobian

    def sample(
        self,
        denoiser: Denoiser,
        noise: Array,
        rng: np.random.Generator,
        prefix: Prefix | None = None,
        guide: Guide | None = None,
    ) -> Array:
        """Denoise.

        Args:
            denoiser: the network, on arrays like `noise`; one that has learned to continue a prefix
                is told it by its caller.
            noise: `(batch, horizon, width)`, standard normal.
            rng: of the noise that DDPM adds, which is the same on every device.
            prefix: what the chunks begin with at the end, to the last bit.
            guide: what they are pulled to.

        Returns:
            The chunks, like `noise`, on its device.

        Raises:
            ConfigError: the exact Jacobian is asked of a network that gives no gradients.
        """
        import torch

        on_host = isinstance(noise, np.ndarray)
        if guide is not None:
            guide = Guide(*(torch.as_tensor(part) for part in guide))

        def network(noisy: Tensor, step: int) -> Tensor:
            told = noisy.detach().numpy() if on_host else noisy
            said = torch.as_tensor(denoiser(told, step))
            if noisy.requires_grad and not said.requires_grad:
                raise without_gradient()
            return said

        drawn = torch.Generator().manual_seed(int(rng.integers(2**63)))
        chunk = torch.as_tensor(noise)
        for step in self._scheduler.timesteps.tolist():
            foreseen = self._foreseen(network, chunk, step, guide)
            (chunk, *_) = self._scheduler.step(
                foreseen, step, chunk, generator=drawn, return_dict=False
            )
        end = chunk.numpy() if on_host else chunk
        return end if prefix is None else prefix.before(end)

    def _foreseen(
        self,
        network: Callable[[Tensor, int], Tensor],
        noisy: Tensor,
        step: int,
        guide: Guide | None,
    ) -> Tensor:
        """x0, pulled where there is a guide."""
        power = float(self._scheduler.alphas_cumprod[step])
        signal, noise = math.sqrt(power), math.sqrt(1.0 - power)
        if guide is None:
            return self._prediction.chunk(network(noisy, step), noisy, signal, noise)
        scale, time = signal + noise, signal / (signal + noise)

        def velocity(mixed: Tensor, _: float) -> Tensor:
            noisy = scale * mixed
            foreseen = self._prediction.chunk(network(noisy, step), noisy, signal, noise)
            return (foreseen - mixed) / (1.0 - time)

        mixed = noisy / scale
        return mixed + (1.0 - time) * guided_velocity(velocity, mixed, time, guide, self._jacobian)
