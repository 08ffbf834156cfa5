"""The null policy: whatever is seen and told, stay where you are. What any policy must beat."""

from __future__ import annotations

import time

import numpy as np

from vla_core.contract.manifest import CameraSpec, PolicyManifest
from vla_core.contract.protocol import DualSystem
from vla_core.robot.model import RobotModel
from vla_core.types import ActionChunk, CommittedPlan, Instruction, LatentIntent, Observation

NAME = "hold"
STEP_S, HORIZON = 0.1, 12
#: Of its pictures, which it does not look at, at most [pixels].
_SIDE = 64


def hold_policy(robot: RobotModel) -> DualSystem:
    """For any robot, with all its cameras."""
    sides = {name: min(_SIDE, *camera.size(False)) for name, camera in robot.cameras.items()}
    cameras = tuple(CameraSpec(name, side, side) for name, side in sides.items())
    manifest = PolicyManifest(
        name=NAME,
        kind=NAME,
        robot=robot.name,
        joint_names=robot.joint_names,
        cameras=cameras,
        step_s=STEP_S,
        horizon=HORIZON,
        lookahead_s=STEP_S * HORIZON,
        fingerprint=NAME,
        model={},
        normalisation={},
        provenance={},
    )
    return DualSystem(_HoldSystem2(manifest), _HoldSystem1(manifest))


class _HoldSystem2:
    """Intends nothing."""

    def __init__(self, manifest: PolicyManifest) -> None:
        self.manifest = manifest
        self._sequence = 0

    def intend(self, observation: Observation, instruction: Instruction) -> LatentIntent:
        self._sequence += 1
        return LatentIntent(
            self._sequence,
            observation.stamp_ns,
            observation.sequence,
            instruction,
            self.manifest.lookahead_s,
            self.manifest.fingerprint,
            {},
        )


class _HoldSystem1:
    """Every target is where the robot is."""

    def __init__(self, manifest: PolicyManifest) -> None:
        self.manifest = manifest
        self._sequence = 0

    def act(
        self,
        observation: Observation,
        intent: LatentIntent,
        rng: np.random.Generator,
        plan: CommittedPlan | None = None,
    ) -> ActionChunk:
        started_s = time.perf_counter()
        manifest = self.manifest
        self._sequence += 1
        return ActionChunk(
            self._sequence,
            observation.stamp_ns,
            observation.sequence,
            intent.sequence,
            intent.observation_stamp_ns,
            manifest.step_s,
            manifest.joint_names,
            np.tile(observation.position, (manifest.horizon, 1)),
            time.perf_counter() - started_s,
        )
