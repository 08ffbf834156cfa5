"""The null policy: whatever is seen and told, stay where you are. What any policy must beat."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from vla_core.contract.answers import chunk_of, intent_of
from vla_core.contract.joint import as_dual
from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.contract.placement import Placement
from vla_core.contract.protocol import DualSystem
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.robot.model import RobotModel
from vla_core.types import ActionChunk, CommittedPlan, Context, Instruction, LatentIntent

NAME = "hold"
STEP_S, HORIZON = 0.1, 12
#: Of its pictures, which it does not look at, at most [pixels].
_SIDE = 64


def load_joint(folder: Path, manifest: PolicyManifest, placement: Placement) -> HoldPolicy:
    """From a folder that holds its manifest, for the robot there."""
    return HoldPolicy(manifest)


def hold_policy(robot: RobotModel) -> DualSystem:
    """For any robot, with all its cameras."""
    return as_dual(HoldPolicy(hold_manifest(robot)))


def hold_manifest(robot: RobotModel) -> PolicyManifest:
    """What it is shown, and the form of its chunks."""
    sides = {name: min(_SIDE, *camera.size(False)) for name, camera in robot.cameras.items()}
    cameras = tuple(CameraSpec(name, side, side) for name, side in sides.items())
    return PolicyManifest(
        name=NAME,
        kind=NAME,
        robot=robot.name,
        joint_names=robot.joint_names,
        observation=ObservationSpec(cameras),
        step_s=STEP_S,
        horizon=HORIZON,
        systems=Systems.JOINT,
    )


class HoldPolicy:
    """Every target is where the robot is; it intends nothing."""

    def __init__(self, manifest: PolicyManifest) -> None:
        self.manifest = manifest
        self._sequence = 0

    def reset(self, instruction: Instruction | None) -> None:
        """Nothing is remembered."""

    def step(
        self,
        context: Context,
        instruction: Instruction,
        rng: np.random.Generator,
        plan: CommittedPlan | None = None,
    ) -> tuple[LatentIntent, ActionChunk]:
        """Stay."""
        started_s = time.perf_counter()
        self._sequence += 1
        seen = context.observation
        intent = intent_of(self.manifest, self._sequence, seen, instruction, {})
        targets = np.tile(seen.position, (self.manifest.horizon, 1))
        compute_s = time.perf_counter() - started_s
        return intent, chunk_of(self.manifest, self._sequence, seen, intent, targets, compute_s)
