"""A policy that can be checked by hand: features are means of patches, chunks stay and shiver."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from swaying_robot import BEGIN_NS, ROBOT

from vla_core.contract.answers import chunk_of, intent_of
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.protocol import DualSystem
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.policies.dial.view import DialView
from vla_core.types import NANOSECONDS, ActionChunk, LatentIntent

SIDE, PATCHES = 32, 4
BIAS = 0.125
MANIFEST = PolicyManifest(
    name="noisy", kind="noisy", robot="g1_bottle", joint_names=ROBOT.joint_names,
    observation=ObservationSpec((CameraSpec("head", SIDE, SIDE),)), step_s=0.1, horizon=12,
    lookahead_s=0.5, fingerprint="noisy",
)  # fmt: skip


class Foreseer:
    """System 2: the future looks like the present, a little brighter."""

    manifest = MANIFEST

    def __init__(self) -> None:
        self.count = 0
        self.told: list[str] = []

    def features(self, observation) -> np.ndarray:
        side = SIDE // PATCHES
        blocks = observation.images["head"].reshape(PATCHES, side, PATCHES, side, 3)
        return blocks.mean(axis=(1, 3)).reshape(-1, 3).astype(np.float32) / 256

    def reset(self, instruction) -> None:
        pass

    def intend(self, context, instruction) -> LatentIntent:
        observation = context.observation
        self.count += 1
        self.told.append(instruction.text)
        current = self.features(observation)
        tensors = {"foresight": current + np.float32(BIAS), "current": current}
        return intent_of(MANIFEST, self.count, observation, instruction, tensors)


class Stayer:
    """System 1: stay, with noise; joins a plan by repeating its frozen steps."""

    manifest = MANIFEST

    def __init__(self) -> None:
        self.count = 0

    def targets(self, observation, rng) -> np.ndarray:
        return observation.position + rng.normal(0, 0.002, (MANIFEST.horizon, ROBOT.dof))

    def reset(self, instruction) -> None:
        pass

    def act(self, context, intent, rng, plan=None) -> ActionChunk:
        observation = context.observation
        self.count += 1
        targets = self.targets(observation, rng)
        if plan is not None:
            frozen = min(plan.frozen, len(plan.targets))
            targets[:frozen] = plan.targets[:frozen]
        return chunk_of(MANIFEST, self.count, observation, intent, targets)


class Oracle(Stayer):
    """Knows what the robot will be told."""

    def __init__(self, commanded: Callable[[float], np.ndarray]) -> None:
        super().__init__()
        self._commanded = commanded

    def targets(self, observation, rng) -> np.ndarray:
        time_s = (observation.stamp_ns - BEGIN_NS) / NANOSECONDS
        steps_s = np.arange(MANIFEST.horizon) * MANIFEST.step_s
        return np.array([self._commanded(time_s + step_s) for step_s in steps_s])


def noisy_policy() -> DualSystem:
    return DualSystem(Foreseer(), Stayer(), DialView(MANIFEST))
