"""A policy without weights: it foresees a bright patch going round, and waves an arm joint a little.

For tests of what is around a policy: rates, stamps, videos, reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from toy_systems import ToySystem1, ToySystem2, save_toy

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.types import NANOSECONDS, Instruction, LatentIntent, Observation

PATCHES, WIDTH = 16, 8


def load_system2(folder: Path, manifest: PolicyManifest, placement: Placement) -> WavingSystem2:
    return WavingSystem2(manifest)


def load_system1(folder: Path, manifest: PolicyManifest, placement: Placement) -> WavingSystem1:
    return WavingSystem1(manifest)


class WavingSystem2(ToySystem2):
    def tensors(self, seen: Observation, instruction: Instruction) -> dict[str, np.ndarray]:
        current = np.ones((PATCHES * len(self.manifest.observation.cameras), WIDTH), np.float16)
        foresight = current.copy()
        foresight[self.count % len(foresight), : WIDTH // 2] = -1.0
        return {"foresight": foresight, "current": current}


class WavingSystem1(ToySystem1):
    def targets(self, seen: Observation, intent: LatentIntent) -> np.ndarray:
        time_s = seen.stamp_ns / NANOSECONDS + self.steps_s()
        targets = self.still(seen)
        targets[:, 3] += 0.1 * (np.sin(time_s) - np.sin(time_s[0]))
        return targets


def save(folder: Path, robot: str, joint_names: Sequence[str], cameras: Sequence[str]) -> Path:
    """Write the policy's folder."""
    return save_toy(folder, "waving", robot, joint_names, cameras, 12, 1.0, "waving")
