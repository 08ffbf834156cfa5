"""What policies without weights have in common: they count, and say what they came from."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vla_core.contract.answers import chunk_of, intent_of
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.types import ActionChunk, Context, Instruction, LatentIntent, Observation

STEP_S = 0.1


class Toy:
    """A policy, or a half of one, that remembers nothing but its count."""

    def __init__(self, manifest: PolicyManifest) -> None:
        self.manifest = manifest
        self.count = 0

    def reset(self, instruction: Instruction | None) -> None:
        pass


class ToySystem2(Toy):
    """Intends nothing in particular."""

    def tensors(self, seen: Observation, instruction: Instruction) -> Mapping[str, np.ndarray]:
        return {}

    def intend(self, context: Context, instruction: Instruction) -> LatentIntent:
        started_s, seen = time.perf_counter(), context.observation
        self.manifest.check_observation(seen)
        tensors = self.tensors(seen, instruction)
        self.count += 1
        compute_s = time.perf_counter() - started_s
        return intent_of(self.manifest, self.count, seen, instruction, tensors, compute_s)


class ToySystem1(Toy):
    """Stays where it is."""

    def targets(self, seen: Observation, intent: LatentIntent) -> np.ndarray:
        return self.still(seen)

    def still(self, seen: Observation) -> np.ndarray:
        return np.tile(seen.position, (self.manifest.horizon, 1))

    def steps_s(self) -> np.ndarray:
        return np.arange(self.manifest.horizon) * self.manifest.step_s

    def act(
        self, context: Context, intent: LatentIntent, rng: np.random.Generator, plan=None
    ) -> ActionChunk:
        started_s, seen = time.perf_counter(), context.observation
        self.manifest.check_observation(seen)
        targets = self.targets(seen, intent)
        self.count += 1
        compute_s = time.perf_counter() - started_s
        return chunk_of(self.manifest, self.count, seen, intent, targets, compute_s)


def save_toy(
    folder: Path,
    kind: str,
    robot: str,
    joint_names: Sequence[str],
    cameras: Sequence[str],
    horizon: int,
    lookahead_s: float,
    fingerprint: str,
) -> Path:
    """Write a policy's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    specs = tuple(CameraSpec(name, 64, 64) for name in cameras)
    PolicyManifest(
        folder.name, kind, robot, tuple(joint_names), ObservationSpec(specs), STEP_S, horizon,
        lookahead_s=lookahead_s, fingerprint=fingerprint,
    ).save(folder)  # fmt: skip
    return folder
