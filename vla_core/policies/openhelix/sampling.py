"""From what is seen in space to a trajectory of the hands, joined to the plan in execution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vla_core.contract.action_conversion import ActionConverter
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import PolicyError
from vla_core.inference.arrays import Array, fetched
from vla_core.inference.session import Session
from vla_core.policies.openhelix.hands import HandScaling, grips_of, joined
from vla_core.policies.openhelix.lifting import places, with_hands
from vla_core.policies.openhelix.sizes import HAND, POSE, OpenHelixSizes
from vla_core.policies.visuomotor.planned_sampling import PlannedSampling
from vla_core.policies.visuomotor.sampling import check_joints
from vla_core.robot.model import RobotModel
from vla_core.types import CommittedPlan, Observation


class _PoseNoise:
    """The denoiser as a sampler knows it; what it said of the grips last is kept.

    Args:
        network: the denoiser.
        width: numbers of poses in what it says.
    """

    def __init__(self, network: Session, width: int) -> None:
        self._network, self._width = network, width
        self.put = network.put
        self.grips: Array | None = None

    def run(self, **inputs: Array) -> Array:
        said = self._network.run(**inputs)
        self.grips = said[..., self._width :]
        return said[..., : self._width]


class HandSampling(PlannedSampling):
    """Draws a policy's chunks in actions of its manifest.

    Args:
        manifest, sizes: of the policy.
        networks: `scene` and `denoiser`.

    Raises:
        PolicyError: the robot's joints or hands are no longer those that it was trained on.
    """

    def __init__(
        self, manifest: PolicyManifest, sizes: OpenHelixSizes, networks: Mapping[str, Session]
    ) -> None:
        self._noise = _PoseNoise(networks["denoiser"], sizes.hands * POSE)
        super().__init__(manifest, self._noise, sizes.sampler)
        robot = RobotModel.load(manifest.robot)
        check_joints(manifest, robot)
        self._converter = ActionConverter(robot, manifest.action, f"policy {manifest.name!r}")
        if self._converter.size != sizes.hands * HAND:
            raise PolicyError(
                manifest.name,
                f"was trained on {sizes.hands} hands, robot {manifest.robot!r} has "
                f"{len(robot.end_effectors)}; train it again or restore the robot's YAML",
            )
        self._scene = networks["scene"]
        self._scaling = HandScaling.of(manifest)
        self._cameras = [camera.name for camera in manifest.observation.cameras]
        self._grid = sizes.image_size >> len(sizes.vit_stem)

    def sample(
        self,
        seen: Array,
        now: Observation,
        goal: Array,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> np.ndarray:
        """`(horizon, hands * 10)` float64 actions.

        Grips are 0 or 1, as the denoiser says them of the last, nearly clean, trajectory; in steps
        that the robot will have done they are the plan's.

        Args:
            seen: `(1, patches, width)` features of `now`, on the networks' device.
            goal: `(1, width)`.

        Raises:
            ObservationError: depth or geometry is missing.
        """
        position = now.position
        hands = self._converter.from_joints(position[None], position)[0].astype(np.float32)
        where, shown = with_hands(places(now, self._cameras, self._grid), hands)
        put = self._scene.put
        told = {"places": put(where[None]), "shown": put(shown[None]), "goal": goal}
        told["hands"] = put(hands[None])
        told["context"] = self._scene.run(features=seen, **told)
        old, known = self._old(plan, hands)
        moves = self.draw(told, old, known, rng, plan)
        grips = (fetched(self._noise.grips).mean(axis=0) > 0.0).astype(np.float64)
        if plan is not None:
            done = min(plan.frozen, known)
            grips[:done] = grips_of(plan.targets[:done])
        return joined(self._scaling.poses(moves, hands).astype(np.float64), grips)

    def _old(self, plan: CommittedPlan | None, hands: np.ndarray) -> tuple[np.ndarray, int]:
        """The plan in this chunk's normalised space `(1, horizon, hands * 9)`; steps it reaches."""
        horizon = self.manifest.horizon
        known = 0 if plan is None else min(len(plan.targets), horizon)
        old = np.zeros((1, horizon, len(self._scaling.std)), dtype=np.float32)
        if known:
            old[0, :known] = self._scaling.moves(plan.targets[:known], hands)
        return old, known
