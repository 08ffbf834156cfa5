"""From a context to joint targets: what a velocity field is told, and what comes of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import PolicyError
from vla_core.inference.arrays import Array
from vla_core.inference.session import Session
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.planned_sampling import PlannedSampling, Sampler
from vla_core.robot.model import RobotModel
from vla_core.types import CommittedPlan, Observation


class Moment(NamedTuple):
    """The robot at the moment that a chunk begins.

    Attributes:
        state: `(state,)` float32.
        told: `(proprioception,)` normalised, what the policy is told of it.
    """

    state: np.ndarray
    told: np.ndarray


class ChunkSampling(PlannedSampling):
    """Draws a policy's chunks in joint targets.

    Args:
        manifest, velocity, sampler: as `PlannedSampling` has them.

    Raises:
        PolicyError: the robot's joints are no longer those that it was trained on.
    """

    def __init__(self, manifest: PolicyManifest, velocity: Session, sampler: Sampler) -> None:
        super().__init__(manifest, velocity, sampler)
        self.robot = RobotModel.load(manifest.robot)
        self._normalisation = Normalisation.of(manifest)
        check_joints(manifest, self.robot)

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
        """`(horizon, dof)` float64 targets [rad].

        Args:
            context: `(1, m, width)`, on the networks' device.
        """
        state = self._network.put(moment.told[None].repeat(self.samples, 0))
        old, known = self.normalised_plan(plan, moment.state)
        normalised = self.draw({"context": context, "state": state}, old, known, rng, plan)
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


def features(
    manifest: PolicyManifest, vit: Session, observation: Observation, **told: Array
) -> Array:
    """`(1, patches, width)` features of an observation's views, in the policy's order.

    Args:
        told: what the encoder takes besides, on its device.

    Raises:
        ObservationError: images or joints are not what the manifest declares.
    """
    manifest.check_observation(observation)
    images = np.stack([observation.images[camera.name] for camera in manifest.observation.cameras])
    return vit.run(images=vit.put(images[None]), **told)


def check_joints(manifest: PolicyManifest, robot: RobotModel) -> None:
    """Raises `PolicyError` where the robot's joints are not those that a policy was trained on."""
    if robot.joint_names != manifest.joint_names:
        raise PolicyError(
            manifest.name,
            f"was trained on joints {list(manifest.joint_names)}, robot {manifest.robot!r} "
            f"has {list(robot.joint_names)}; train it again or restore the robot's YAML",
        )
