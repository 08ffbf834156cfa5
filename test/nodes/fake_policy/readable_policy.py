"""A policy that a person can check: the intent is a height, the chunk moves the elbow to it.

System 2 wants the height 0.3 sin(t) two seconds ahead of the observation; System 1 moves the joint
`left_elbow_joint` there from its ready pose and keeps every other joint where it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vla_core.contract.answers import chunk_of, intent_of
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.errors import FeatureSpaceError, InstructionError, PolicyError
from vla_core.types import ActionChunk, Context, Instruction, LatentIntent

MOVED = "left_elbow_joint"
READY = -0.7
WEIGHTS = "weights.txt"


def load_system2(folder: Path, manifest: PolicyManifest, placement: Placement) -> FakeSystem2:
    return FakeSystem2(manifest, _amplitude(folder))


def load_system1(folder: Path, manifest: PolicyManifest, placement: Placement) -> FakeSystem1:
    return FakeSystem1(manifest)


def _amplitude(folder: Path) -> float:
    path = folder / WEIGHTS
    try:
        return float(path.read_text())
    except (OSError, ValueError) as error:
        raise PolicyError(str(path), f"weights cannot be read: {error}") from error


class FakeSystem2:
    def __init__(self, manifest: PolicyManifest, amplitude: float) -> None:
        self.manifest = manifest
        self._amplitude = amplitude
        self._sequence = 0

    def reset(self, instruction: Instruction | None) -> None:
        pass

    def intend(self, context: Context, instruction: Instruction) -> LatentIntent:
        observation = context.observation
        self.manifest.check_observation(observation)
        if "elbow" not in instruction.text:
            raise InstructionError(f"cannot follow {instruction.text!r}; expected words with elbow")
        self._sequence += 1
        height = self._amplitude * np.sin(observation.stamp_ns * 1e-9 + self.manifest.lookahead_s)
        tensors = {"height": np.array([height], np.float32)}
        return intent_of(self.manifest, self._sequence, observation, instruction, tensors)


class FakeSystem1:
    def __init__(self, manifest: PolicyManifest) -> None:
        self.manifest = manifest
        self._sequence = 0

    def reset(self, instruction: Instruction | None) -> None:
        pass

    def act(
        self, context: Context, intent: LatentIntent, rng: np.random.Generator, plan=None
    ) -> ActionChunk:
        observation = context.observation
        self.manifest.check_observation(observation)
        if intent.fingerprint != self.manifest.fingerprint:
            raise FeatureSpaceError(intent.fingerprint, self.manifest.fingerprint)
        self._sequence += 1
        targets = np.tile(observation.position, (self.manifest.horizon, 1))
        goal = READY + float(intent.tensors["height"][0])
        column = self.manifest.joint_names.index(MOVED)
        targets[:, column] = np.linspace(
            observation.position[column], goal, self.manifest.horizon + 1
        )[1:]
        return chunk_of(self.manifest, self._sequence, observation, intent, targets)


def save(folder: Path, robot: str, joint_names: tuple[str, ...], fingerprint: str) -> Path:
    """Write the policy's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    cameras = tuple(CameraSpec(name, 64, 64) for name in ("head", "front"))
    PolicyManifest(
        folder.name, "fake", robot, joint_names, ObservationSpec(cameras), 0.1, 12,
        lookahead_s=2.0, fingerprint=fingerprint,
    ).save(folder)  # fmt: skip
    (folder / WEIGHTS).write_text("0.3")
    return folder
