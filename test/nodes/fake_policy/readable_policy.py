"""A policy that a person can check: the intent is a height, the chunk moves the elbow to it.

System 2 wants the height 0.3 sin(t) two seconds ahead of the observation; System 1 moves the joint
`left_elbow_joint` there from its ready pose and keeps every other joint where it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import FeatureSpaceError, InstructionError, PolicyError
from vla_core.types import ActionChunk, Instruction, LatentIntent, Observation

MOVED = "left_elbow_joint"
READY = -0.7
WEIGHTS = "weights.txt"


def load_system2(folder: Path, manifest: PolicyManifest, backend: str) -> FakeSystem2:
    return FakeSystem2(manifest, _amplitude(folder))


def load_system1(folder: Path, manifest: PolicyManifest, backend: str) -> FakeSystem1:
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

    def intend(self, observation: Observation, instruction: Instruction) -> LatentIntent:
        self.manifest.check_observation(observation)
        if "elbow" not in instruction.text:
            raise InstructionError(f"cannot follow {instruction.text!r}; expected words with elbow")
        self._sequence += 1
        height = self._amplitude * np.sin(observation.stamp_ns * 1e-9 + self.manifest.lookahead_s)
        return LatentIntent(
            self._sequence,
            observation.stamp_ns,
            observation.sequence,
            instruction,
            self.manifest.lookahead_s,
            self.manifest.fingerprint,
            {"height": np.array([height], np.float32)},
        )


class FakeSystem1:
    def __init__(self, manifest: PolicyManifest) -> None:
        self.manifest = manifest
        self._sequence = 0

    def act(
        self, observation: Observation, intent: LatentIntent, rng: np.random.Generator, plan=None
    ) -> ActionChunk:
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
        return ActionChunk(
            self._sequence,
            observation.stamp_ns,
            observation.sequence,
            intent.sequence,
            intent.observation_stamp_ns,
            self.manifest.step_s,
            self.manifest.joint_names,
            targets,
        )


def save(folder: Path, robot: str, joint_names: tuple[str, ...], fingerprint: str) -> Path:
    """Write the policy's folder."""
    from vla_core.contract.manifest import CameraSpec

    folder.mkdir(parents=True, exist_ok=True)
    cameras = tuple(CameraSpec(name, 64, 64) for name in ("head", "front"))
    PolicyManifest(
        folder.name, "fake", robot, joint_names, cameras, 0.1, 12, 2.0, fingerprint, {}, {}, {}
    ).save(folder)
    (folder / WEIGHTS).write_text("0.3")
    return folder
