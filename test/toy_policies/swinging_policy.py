"""A policy without weights that never rests: it swings both elbows about the ready pose.

Whenever a fault comes, the robot moves, so that a stop can be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from toy_systems import ToySystem1, ToySystem2, save_toy

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.robot.load import load_robot
from vla_core.types import NANOSECONDS, Instruction, LatentIntent, Observation

#: 0.3 rad to and fro, at 0.6 rad/s at most.
AMPLITUDE, FREQUENCY = 0.3, 2.0
ELBOWS = ("left_elbow_joint", "right_elbow_joint")


def load_system2(folder: Path, manifest: PolicyManifest, placement: Placement) -> SwingingSystem2:
    return SwingingSystem2(manifest)


def load_system1(folder: Path, manifest: PolicyManifest, placement: Placement) -> SwingingSystem1:
    return SwingingSystem1(manifest)


class SwingingSystem2(ToySystem2):
    def tensors(self, seen: Observation, instruction: Instruction) -> dict[str, np.ndarray]:
        return {"nothing": np.zeros(1, np.float16)}


class SwingingSystem1(ToySystem1):
    """A sine of the clock, so that chunks join without a step."""

    def __init__(self, manifest: PolicyManifest) -> None:
        super().__init__(manifest)
        robot = load_robot(manifest.robot)
        self._pose = np.array(robot.ready_pose)
        self._elbows = [robot.joint_names.index(name) for name in ELBOWS]

    def targets(self, seen: Observation, intent: LatentIntent) -> np.ndarray:
        time_s = seen.stamp_ns % (100_000 * NANOSECONDS) / NANOSECONDS + self.steps_s()
        targets = np.tile(self._pose, (self.manifest.horizon, 1))
        targets[:, self._elbows] += AMPLITUDE * np.sin(FREQUENCY * time_s)[:, None]
        return targets


def save(folder: Path, robot: str, joint_names: Sequence[str], cameras: Sequence[str]) -> Path:
    """Write the policy's folder."""
    return save_toy(folder, "swinging", robot, joint_names, cameras, 16, 1.0, "swing")
