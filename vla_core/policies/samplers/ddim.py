"""A denoiser in the place of a velocity field: sampled by DDIM, told the time as fields are."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from vla_core.inference.arrays import Array
from vla_core.policies.samplers.diffusion import Diffusion, Prediction, Scheduler
from vla_core.policies.samplers.guidance import Velocity
from vla_core.policies.samplers.plan import Guide, Prefix

_Level = TypeVar("_Level")


def time_of(level: _Level, levels: int) -> _Level:
    """How the network is told the noise level k of K: 1 - (k + 1) / K, so that 1 is clean."""
    return 1.0 - (level + 1) / levels


class Ddim:
    """`Diffusion` behind the face of `FlowMatching`; DDIM adds no noise, so it draws none.

    Args:
        steps, trained_steps, prediction, clip: as `Diffusion` has them.
    """

    def __init__(
        self, steps: int, trained_steps: int, prediction: Prediction, clip: float
    ) -> None:
        self._levels = trained_steps
        self._diffusion = Diffusion(Scheduler.DDIM, steps, trained_steps, prediction, clip)

    def sample(
        self,
        velocity: Velocity,
        noise: Array,
        prefix: Prefix | None = None,
        guide: Guide | None = None,
    ) -> Array:
        """Chunks, like `noise`; the arguments are those of `FlowMatching.sample`.

        Args:
            velocity: the denoiser, told `time_of` the noise level.
        """

        def denoiser(chunk: Array, level: int) -> Array:
            return velocity(chunk, time_of(level, self._levels))

        drawn = np.random.default_rng(0)
        return self._diffusion.sample(denoiser, noise, drawn, prefix, guide)
