"""A policy's chunks in its own normalised space, joined to the plan in execution as that asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import PolicyError
from vla_core.inference.arrays import Array, fetched, same_for_all
from vla_core.inference.session import Session
from vla_core.policies.samplers.guidance import Velocity
from vla_core.policies.samplers.plan import Guide, Prefix, committed_steps, first_steps, soft_mask
from vla_core.types import CommittedPlan, Conditioning


class Sampler(Protocol):
    """Where a velocity field leads, as `FlowMatching` and `Regression` have it."""

    def sample(
        self, velocity: Velocity, noise: Array, prefix: Prefix | None, guide: Guide | None
    ) -> Array:
        """Chunks, like `noise`."""


class PlannedSampling:
    """Draws chunks, whatever their numbers mean.

    Args:
        manifest: of the policy.
        velocity: its velocity field, or what stands for one.
        sampler: where that leads.

    Attributes:
        samples: chunks that are drawn at once, and averaged.
    """

    def __init__(self, manifest: PolicyManifest, velocity: Session, sampler: Sampler) -> None:
        self.manifest = manifest
        self.samples = manifest.model.get("samples", 1)
        self._network = velocity
        self._sampler = sampler

    def check_plan(self, plan: CommittedPlan | None) -> None:
        """Raises `PolicyError` for a conditioning that the policy has not been trained for."""
        if plan is not None and (problem := self.manifest.why_not(plan.conditioning)):
            raise PolicyError(f"policy {self.manifest.name!r}", problem)

    def draw(
        self,
        told: Mapping[str, Array],
        old: np.ndarray,
        known: int,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> np.ndarray:
        """`(horizon, width)` normalised, as the field leads to them from noise.

        With several `samples` they are all begun with noise of their own, and their mean is taken.

        Args:
            told: what the network is told beside actions and time, on its device.
            old: `(1, horizon, width)`, the plan in this chunk's normalised space.
            known: steps that it reaches.
            plan: that asks to be joined.
        """
        manifest, network, samples = self.manifest, self._network, self.samples
        scale = np.float32(manifest.model["noise_scale"])
        noise = scale * rng.standard_normal((samples, *old.shape[1:]), dtype=np.float32)
        prefix = guide = None
        if manifest.prefix_steps:
            steps = committed_steps(plan, Conditioning.PREFIX, manifest.prefix_steps)
            frozen = first_steps(steps, manifest.horizon)
            prefix = Prefix(*(network.put(part.repeat(samples, 0)) for part in (old, frozen)))
            told = {**told, "prefix": prefix.actions, "frozen": prefix.frozen}
        if plan is not None and plan.conditioning is Conditioning.GUIDED:
            weight = soft_mask(manifest.horizon, plan.frozen, known)[:, None]
            guide = Guide(network.put(old), network.put(weight))

        def velocity(chunk: Array, flow_time: float) -> Array:
            times = same_for_all(chunk, flow_time)
            return network.run(actions=chunk, time=times, **told)

        chunk = self._sampler.sample(velocity, network.put(noise), prefix, guide)
        return fetched(chunk).mean(axis=0)
