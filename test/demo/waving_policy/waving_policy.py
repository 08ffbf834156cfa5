"""A policy without weights: it foresees a bright patch going round, and waves an arm joint a little.

For tests of what is around a policy: rates, stamps, videos, reports.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vla_core.contract.manifest import CameraSpec, PolicyManifest
from vla_core.types import NANOSECONDS, ActionChunk, Instruction, LatentIntent, Observation

PATCHES, WIDTH = 16, 8


def load_system2(folder: Path, manifest: PolicyManifest, backend: str) -> WavingSystem2:
    return WavingSystem2(manifest)


def load_system1(folder: Path, manifest: PolicyManifest, backend: str) -> WavingSystem1:
    return WavingSystem1(manifest)


class WavingSystem2:
    def __init__(self, manifest: PolicyManifest) -> None:
        self.manifest = manifest
        self._sequence = 0

    def intend(self, observation: Observation, instruction: Instruction) -> LatentIntent:
        started_s = time.perf_counter()
        self.manifest.check_observation(observation)
        current = np.ones((PATCHES * len(self.manifest.cameras), WIDTH), np.float16)
        foresight = current.copy()
        foresight[self._sequence % len(foresight), : WIDTH // 2] = -1.0
        self._sequence += 1
        return LatentIntent(
            self._sequence,
            observation.stamp_ns,
            observation.sequence,
            instruction,
            self.manifest.lookahead_s,
            self.manifest.fingerprint,
            {"foresight": foresight, "current": current},
            time.perf_counter() - started_s,
        )


class WavingSystem1:
    def __init__(self, manifest: PolicyManifest) -> None:
        self.manifest = manifest
        self._sequence = 0

    def act(
        self, observation: Observation, intent: LatentIntent, rng: np.random.Generator, plan=None
    ) -> ActionChunk:
        started_s = time.perf_counter()
        self.manifest.check_observation(observation)
        self._sequence += 1
        steps = np.arange(self.manifest.horizon) * self.manifest.step_s
        time_s = observation.stamp_ns / NANOSECONDS + steps
        targets = np.tile(observation.position, (self.manifest.horizon, 1))
        targets[:, 3] += 0.1 * (np.sin(time_s) - np.sin(time_s[0]))
        return ActionChunk(
            self._sequence,
            observation.stamp_ns,
            observation.sequence,
            intent.sequence,
            intent.observation_stamp_ns,
            self.manifest.step_s,
            self.manifest.joint_names,
            targets,
            time.perf_counter() - started_s,
        )


def save(folder: Path, robot: str, joint_names: Sequence[str], cameras: Sequence[str]) -> Path:
    """Write the policy's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    specs = tuple(CameraSpec(name, 64, 64) for name in cameras)
    PolicyManifest(
        folder.name, "waving", robot, tuple(joint_names), specs, 0.1, 12, 1.0, "waving", {}, {}, {}
    ).save(folder)
    return folder
