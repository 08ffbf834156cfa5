"""A policy without weights: it foresees a bright patch going round, and waves an arm joint a little.

For tests of what is around a policy: rates, stamps, videos, reports.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vla_core.contract.answers import chunk_of, intent_of
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.types import NANOSECONDS, ActionChunk, Context, Instruction, LatentIntent

PATCHES, WIDTH = 16, 8


def load_system2(folder: Path, manifest: PolicyManifest, placement: Placement) -> WavingSystem2:
    return WavingSystem2(manifest)


def load_system1(folder: Path, manifest: PolicyManifest, placement: Placement) -> WavingSystem1:
    return WavingSystem1(manifest)


class WavingSystem2:
    def __init__(self, manifest: PolicyManifest) -> None:
        self.manifest = manifest
        self._sequence = 0

    def reset(self, instruction: Instruction | None) -> None:
        pass

    def intend(self, context: Context, instruction: Instruction) -> LatentIntent:
        started_s, observation = time.perf_counter(), context.observation
        self.manifest.check_observation(observation)
        current = np.ones((PATCHES * len(self.manifest.observation.cameras), WIDTH), np.float16)
        foresight = current.copy()
        foresight[self._sequence % len(foresight), : WIDTH // 2] = -1.0
        self._sequence += 1
        tensors, compute_s = {"foresight": foresight, "current": current}, time.perf_counter() - started_s
        return intent_of(
            self.manifest, self._sequence, observation, instruction, tensors, compute_s
        )


class WavingSystem1:
    def __init__(self, manifest: PolicyManifest) -> None:
        self.manifest = manifest
        self._sequence = 0

    def reset(self, instruction: Instruction | None) -> None:
        pass

    def act(
        self, context: Context, intent: LatentIntent, rng: np.random.Generator, plan=None
    ) -> ActionChunk:
        started_s, observation = time.perf_counter(), context.observation
        self.manifest.check_observation(observation)
        self._sequence += 1
        steps = np.arange(self.manifest.horizon) * self.manifest.step_s
        time_s = observation.stamp_ns / NANOSECONDS + steps
        targets = np.tile(observation.position, (self.manifest.horizon, 1))
        targets[:, 3] += 0.1 * (np.sin(time_s) - np.sin(time_s[0]))
        compute_s = time.perf_counter() - started_s
        return chunk_of(self.manifest, self._sequence, observation, intent, targets, compute_s)


def save(folder: Path, robot: str, joint_names: Sequence[str], cameras: Sequence[str]) -> Path:
    """Write the policy's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    specs = tuple(CameraSpec(name, 64, 64) for name in cameras)
    PolicyManifest(
        folder.name, "waving", robot, tuple(joint_names), ObservationSpec(specs), 0.1, 12,
        lookahead_s=1.0, fingerprint="waving",
    ).save(folder)  # fmt: skip
    return folder
