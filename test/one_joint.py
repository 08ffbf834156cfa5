"""The smallest world that an intent can matter in: one joint, told to go left or right."""

from __future__ import annotations

import numpy as np

from vla_core.contract.answers import intent_of
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.types import ActionChunk, Context, Instruction, LatentIntent, Observation

LEFT, RIGHT = Instruction(1, "go left"), Instruction(2, "go right")
GOAL = {LEFT.text: -1.0, RIGHT.text: 1.0}
MANIFEST = PolicyManifest(
    name="one_joint", kind="fake", robot="one_joint", joint_names=("slider",),
    observation=ObservationSpec((CameraSpec("head", 8, 8),)), step_s=0.1, horizon=6,
    lookahead_s=0.5, fingerprint="f",
)  # fmt: skip


class OneJointScene:
    """The joint is where it was last commanded; its camera is as bright as it is far right."""

    def __init__(self) -> None:
        self.time_s, self.position, self.velocity = 0.0, np.zeros(1), np.zeros(1)

    def reset(self, seed: int, task: int | None = None) -> Instruction:
        self.__init__()
        return (LEFT, RIGHT)[np.random.default_rng(seed).integers(2) if task is None else task]

    def set_targets(self, position: np.ndarray) -> None:
        self.position = position.copy()

    def step(self, duration_s: float) -> None:
        self.time_s += duration_s

    def render(self, camera: str) -> np.ndarray:
        return np.full((16, 16, 3), 128 + 100 * np.clip(self.position[0], -1, 1), np.uint8)

    def success_of(self, instruction: Instruction) -> bool:
        return abs(self.position[0] - GOAL[instruction.text]) < 0.05


class Foresight:
    """System 2: its intent is the goal."""

    manifest = MANIFEST

    def __init__(self) -> None:
        self.seen: list[Observation] = []
        self.resets: list[Instruction | None] = []

    def reset(self, instruction: Instruction | None) -> None:
        self.resets.append(instruction)

    def intend(self, context: Context, instruction: Instruction) -> LatentIntent:
        self.seen.append(context.observation)
        goal = np.array([GOAL[instruction.text]], np.float16)
        return intent_of(MANIFEST, 1, context.observation, instruction, {"foresight": goal})


class Follower:
    """System 1: a ramp from here to the intent, with a little seeded noise."""

    manifest = MANIFEST

    def __init__(self) -> None:
        self.calls = 0

    def reset(self, instruction) -> None:
        pass

    def act(self, context, intent, rng) -> ActionChunk:
        observation = context.observation
        self.calls += 1
        away = intent.tensors["foresight"][0] - observation.position[0]
        ramp = np.clip(0.1 * np.arange(1, 7), 0, abs(away)) * np.sign(away)
        targets = observation.position + ramp[:, None] + rng.normal(0, 1e-3, (6, 1))
        return ActionChunk(1, observation.stamp_ns, 0, 1, 0, 0.1, ("slider",), targets)
