"""From a context to joint targets: what a velocity field is told, and what comes of it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import PolicyError
from vla_core.inference.arrays import Array, fetched, same_for_all
from vla_core.inference.session import Session
from vla_core.policies.samplers.guidance import Velocity
from vla_core.policies.samplers.plan import Guide, Prefix, committed_steps, first_steps, soft_mask
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.robot.model import RobotModel
from vla_core.types import CommittedPlan, Conditioning, Observation


class Sampler(Protocol):
    """Where a velocity field leads, as `FlowMatching` and `Regression` have it."""

    def sample(
        self, velocity: Velocity, noise: Array, prefix: Prefix | None, guide: Guide | None
    ) -> Array:
        """Chunks, like `noise`."""


class Moment(NamedTuple):
    """The robot at the moment that a chunk begins.

    Attributes:
        state: `(state,)` float32.
        told: `(proprioception,)` normalised, what the policy is told of it.
    """

    state: np.ndarray
    told: np.ndarray


class ChunkSampling:
    """Draws a policy's chunks, joined to the plan in execution as that asks.

    Args:
        manifest: of the policy.
        velocity: its velocity field.
        sampler: where that leads.

    Raises:
        PolicyError: the robot's joints are no longer those that it was trained on.
    """

    def __init__(self, manifest: PolicyManifest, velocity: Session, sampler: Sampler) -> None:
        self.manifest = manifest
        self.robot = RobotModel.load(manifest.robot)
        self._network = velocity
        self._sampler = sampler
        self._normalisation = Normalisation.of(manifest)
        if self.robot.joint_names != manifest.joint_names:
            raise PolicyError(
                manifest.name,
                f"was trained on joints {list(manifest.joint_names)}, robot {manifest.robot!r} "
                f"has {list(self.robot.joint_names)}; train it again or restore the robot's YAML",
            )

    def check_plan(self, plan: CommittedPlan | None) -> None:
        """Raises `PolicyError` for a conditioning that the policy has not been trained for."""
        if plan is not None and (problem := self.manifest.why_not(plan.conditioning)):
            raise PolicyError(f"policy {self.manifest.name!r}", problem)

    def moment(self, position: np.ndarray, velocity: np.ndarray) -> Moment:
        """Of `(dof,)` joint positions [rad] and velocities [rad/s]."""
        state = self.robot.state_vector(position).astype(np.float32)
        return Moment(state, self._normalisation.proprioception(state, velocity))

    def sample(
        self,
        context: Array,
        moment: Moment,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> np.ndarray:
        """`(horizon, dof)` float64 targets [rad], as the field leads to them from noise.

        With several `samples` they are all begun with noise of their own, and their mean is taken.

        Args:
            context: `(1, m, width)`, on the networks' device.
        """
        manifest, sizes = self.manifest, self.manifest.model
        network, samples = self._network, sizes.get("samples", 1)
        shape = (samples, manifest.horizon, len(moment.state))
        noise = np.float32(sizes["noise_scale"]) * rng.standard_normal(shape, dtype=np.float32)
        old, known = self.normalised_plan(plan, moment.state)
        told = {"context": context, "state": network.put(moment.told[None].repeat(samples, 0))}
        prefix = guide = None
        if manifest.prefix_steps:
            steps = committed_steps(plan, Conditioning.PREFIX, manifest.prefix_steps)
            frozen = first_steps(steps, manifest.horizon)
            prefix = Prefix(*(network.put(part.repeat(samples, 0)) for part in (old, frozen)))
            told |= {"prefix": prefix.actions, "frozen": prefix.frozen}
        if plan is not None and plan.conditioning is Conditioning.GUIDED:
            weight = soft_mask(manifest.horizon, plan.frozen, known)[:, None]
            guide = Guide(network.put(old), network.put(weight))

        def velocity(chunk: Array, flow_time: float) -> Array:
            times = same_for_all(chunk, flow_time)
            return network.run(actions=chunk, time=times, **told)

        chunk = self._sampler.sample(velocity, network.put(noise), prefix, guide)
        normalised = fetched(chunk).mean(axis=0)
        targets = self._normalisation.target(normalised, moment.state)[:, : self.robot.dof]
        return targets.astype(np.float64)

    def normalised_plan(
        self, plan: CommittedPlan | None, state: np.ndarray
    ) -> tuple[np.ndarray, int]:
        """The plan in the normalised space of this moment's chunk, and how many steps it reaches.

        What lies beyond is never looked at: each use has its mask.
        """
        horizon = self.manifest.horizon
        known = 0 if plan is None else min(len(plan.targets), horizon)
        old = np.zeros((1, horizon, len(state)), dtype=np.float32)
        if known:
            states = np.stack([self.robot.state_vector(q) for q in plan.targets[:known]])
            old[0, :known] = self._normalisation.action(states.astype(np.float32), state)
        return old, known


def features(manifest: PolicyManifest, vit: Session, observation: Observation) -> Array:
    """`(1, patches, width)` features of an observation's views, in the policy's order.

    Raises:
        ObservationError: images or joints are not what the manifest declares.
    """
    manifest.check_observation(observation)
    images = np.stack([observation.images[camera.name] for camera in manifest.observation.cameras])
    return vit.run(images=vit.put(images[None]))
