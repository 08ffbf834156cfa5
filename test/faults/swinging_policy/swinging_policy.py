"""A policy without weights that never rests: it swings both elbows about the ready pose.

Whenever a fault comes, the robot moves, so that a stop can be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vla_core.contract.answers import chunk_of, intent_of
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.robot.load import load_robot
from vla_core.types import NANOSECONDS, ActionChunk, Context, Instruction, LatentIntent

#: 0.3 rad to and fro, at 0.6 rad/s at most.
AMPLITUDE, FREQUENCY = 0.3, 2.0
ELBOWS = ("left_elbow_joint", "right_elbow_joint")


def load_system2(folder: Path, manifest: PolicyManifest, placement: Placement) -> SwingingSystem2:
    return SwingingSystem2(manifest)


def load_system1(folder: Path, manifest: PolicyManifest, placement: Placement) -> SwingingSystem1:
    return SwingingSystem1(manifest)


class SwingingSystem2:
    """Intends nothing in particular."""

    def __init__(self, manifest: PolicyManifest) -> None:
        self.manifest = manifest
        self._sequence = 0

    def reset(self, instruction: Instruction | None) -> None:
        pass

    def intend(self, context: Context, instruction: Instruction) -> LatentIntent:
        self._sequence += 1
        tensors = {"nothing": np.zeros(1, np.float16)}
        return intent_of(
            self.manifest, self._sequence, context.observation, instruction, tensors
        )


class SwingingSystem1:
    """A sine of the clock, so that chunks join without a step."""

    def __init__(self, manifest: PolicyManifest) -> None:
        self.manifest = manifest
        robot = load_robot(manifest.robot)
        self._pose = np.array(robot.ready_pose)
        self._elbows = [robot.joint_names.index(name) for name in ELBOWS]
        self._sequence = 0

    def reset(self, instruction: Instruction | None) -> None:
        pass

    def act(
        self, context: Context, intent: LatentIntent, rng: np.random.Generator, plan=None
    ) -> ActionChunk:
        observation = context.observation
        self._sequence += 1
        steps_s = np.arange(self.manifest.horizon) * self.manifest.step_s
        time_s = observation.stamp_ns % (100_000 * NANOSECONDS) / NANOSECONDS + steps_s
        targets = np.tile(self._pose, (self.manifest.horizon, 1))
        targets[:, self._elbows] += AMPLITUDE * np.sin(FREQUENCY * time_s)[:, None]
        return chunk_of(self.manifest, self._sequence, observation, intent, targets)


def save(folder: Path, robot: str, joint_names: Sequence[str], cameras: Sequence[str]) -> Path:
    """Write the policy's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    specs = tuple(CameraSpec(name, 64, 64) for name in cameras)
    PolicyManifest(
        folder.name, "swinging", robot, tuple(joint_names), ObservationSpec(specs), 0.1, 16,
        lookahead_s=1.0, fingerprint="swing",
    ).save(folder)  # fmt: skip
    return folder
