"""A policy that a person can check: the intent is a height, the chunk moves the elbow to it.

System 2 wants the height 0.3 sin(t) two seconds ahead of the observation; System 1 moves the joint
`left_elbow_joint` there, above -0.7 rad, and keeps every other joint where it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from toy_systems import ToySystem1, ToySystem2, save_toy

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.errors import FeatureSpaceError, InstructionError, PolicyError
from vla_core.types import Instruction, LatentIntent, Observation

MOVED = "left_elbow_joint"
#: Where it rests, and what it swings about [rad].
READY, MIDDLE = -0.85, -0.7
WEIGHTS = "weights.txt"


def load_system2(folder: Path, manifest: PolicyManifest, placement: Placement) -> ReadableSystem2:
    return ReadableSystem2(manifest, _amplitude(folder))


def load_system1(folder: Path, manifest: PolicyManifest, placement: Placement) -> ReadableSystem1:
    return ReadableSystem1(manifest)


def _amplitude(folder: Path) -> float:
    path = folder / WEIGHTS
    try:
        return float(path.read_text())
    except (OSError, ValueError) as error:
        raise PolicyError(str(path), f"weights cannot be read: {error}") from error


class ReadableSystem2(ToySystem2):
    def __init__(self, manifest: PolicyManifest, amplitude: float) -> None:
        super().__init__(manifest)
        self._amplitude = amplitude

    def tensors(self, seen: Observation, instruction: Instruction) -> dict[str, np.ndarray]:
        if "elbow" not in instruction.text:
            raise InstructionError(f"cannot follow {instruction.text!r}; expected words with elbow")
        height = self._amplitude * np.sin(seen.stamp_ns * 1e-9 + self.manifest.lookahead_s)
        return {"height": np.array([height], np.float32)}


class ReadableSystem1(ToySystem1):
    def targets(self, seen: Observation, intent: LatentIntent) -> np.ndarray:
        if intent.fingerprint != self.manifest.fingerprint:
            raise FeatureSpaceError(intent.fingerprint, self.manifest.fingerprint)
        targets = self.still(seen)
        goal = MIDDLE + float(intent.tensors["height"][0])
        column = self.manifest.joint_names.index(MOVED)
        targets[:, column] = np.linspace(seen.position[column], goal, len(targets) + 1)[1:]
        return targets


def save(folder: Path, robot: str, joint_names: tuple[str, ...], fingerprint: str) -> Path:
    """Write the policy's folder."""
    save_toy(folder, "fake", robot, joint_names, ("head", "front"), 12, 2.0, fingerprint)
    (folder / WEIGHTS).write_text("0.3")
    return folder
