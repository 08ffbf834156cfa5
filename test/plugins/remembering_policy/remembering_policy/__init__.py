"""A joint policy with memory, in a package of its own: it sways about where it was first reset.

What it remembers, and what it was shown of the past, is in its intents, so that a test can read it.
It tells the same motion in joints or in poses of hands.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pinocchio as pin

from vla_core.contract.answers import chunk_of, intent_of
from vla_core.contract.intent_view import ShownIntent
from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.contract.placement import Placement
from vla_core.contract.specification import ActionSpace, ActionSpec, CameraSpec, ObservationSpec
from vla_core.errors import InstructionError
from vla_core.robot.model import RobotModel
from vla_core.types import (
    NANOSECONDS,
    ActionChunk,
    CommittedPlan,
    Context,
    Instruction,
    LatentIntent,
)

#: Ages of the observations that it asks for, and how many executed steps [s], [steps].
HISTORY_S, EXECUTED_STEPS = (0.4, 0.2), 3
AMPLITUDE, FREQUENCY = 0.2, 2.0
REFUSED = "stand on your head"
#: Told in hands, it answers this with numbers that are no pose.
NOWHERE = "point nowhere"
#: Poses in the base frame; 0 is an open hand, 1 a closed one.
IN_HANDS = ActionSpec(ActionSpace.END_EFFECTOR, gripper=(0.0, 1.0))


def load_joint(folder: Path, manifest: PolicyManifest, placement: Placement) -> RememberingPolicy:
    """The policy; it has no weights."""
    return RememberingPolicy(manifest)


def open_view(folder: Path, manifest: PolicyManifest, placement: Placement) -> RememberingView:
    """What can be shown of its intents."""
    return RememberingView()


class RememberingView:
    """Its intents in every way but features: a decoded picture, words, a number."""

    def show(self, intent: LatentIntent) -> ShownIntent:
        """The picture that it saw, in negative; whether it knows the past; steps since the reset."""
        pictures = {
            name.removesuffix("_negative"): tensor[None]
            for name, tensor in intent.tensors.items()
            if name.endswith("_negative")
        }
        words = ("remembers", "sways") if intent.tensors["known"].all() else ("new", "sways")
        numbers = {"steps": float(intent.tensors["steps"][0])}
        return ShownIntent(pictures=pictures, words=words, numbers=numbers)


def save(
    folder: Path,
    robot: str,
    joint_names: tuple[str, ...],
    cameras: Mapping[str, int],
    depth: bool = False,
    action: ActionSpec = ActionSpec(),
) -> Path:
    """Write a policy's folder.

    Args:
        cameras: side of the pictures by name, as it sees them [pixels].
        depth: whether it wants their depth and where they are, too.
        action: how it tells its motion: in joints, or `IN_HANDS`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    specs = tuple(CameraSpec(name, side, side, depth, depth) for name, side in cameras.items())
    PolicyManifest(
        name=folder.name,
        kind="remembering",
        robot=robot,
        joint_names=joint_names,
        observation=ObservationSpec(specs, HISTORY_S, EXECUTED_STEPS),
        step_s=0.1,
        horizon=12,
        systems=Systems.JOINT,
        action=action,
    ).save(folder)
    return folder


class RememberingPolicy:
    """Sways its first joint about where the robot was when it was reset."""

    def __init__(self, manifest: PolicyManifest) -> None:
        self.manifest = manifest
        self._robot = RobotModel.load(manifest.robot) if manifest.action == IN_HANDS else None
        self._sequence = 0
        self.reset(None)

    def reset(self, instruction: Instruction | None) -> None:
        """Forget where the robot was, and how often it was asked."""
        self._begin: np.ndarray | None = None
        self._steps = 0

    def step(
        self,
        context: Context,
        instruction: Instruction,
        rng: np.random.Generator,
        plan: CommittedPlan | None = None,
    ) -> tuple[LatentIntent, ActionChunk]:
        """Sway; the intent tells steps since the reset, ages of the past [s], what was executed."""
        if instruction.text == REFUSED:
            raise InstructionError(f"cannot {REFUSED!r}")
        seen = context.observation
        self.manifest.check_observation(seen)
        if self._begin is None:
            self._begin = seen.position
        self._steps += 1
        self._sequence += 1
        ages_s = [
            np.nan if past is None else (seen.stamp_ns - past.stamp_ns) / NANOSECONDS
            for past in context.history
        ]
        tensors = {
            "steps": np.array([self._steps], np.int32),
            "known": ~np.isnan(ages_s),
            "ages_s": np.nan_to_num(np.array(ages_s, np.float32), nan=-1.0),
            "executed": (~np.isnan(context.executed[:, 0])).astype(np.int32),
        }
        tensors |= {f"{name}_negative": 255 - image for name, image in seen.images.items()}
        for name, depth in seen.depth.items():
            tensors[f"{name}_depth"] = np.array([np.nanmedian(depth)], np.float32)
            tensors[f"{name}_pose"] = seen.camera_poses[name].astype(np.float32)
            tensors[f"{name}_intrinsics"] = seen.intrinsics[name].astype(np.float32)
        intent = intent_of(self.manifest, self._sequence, seen, instruction, tensors)
        steps_s = np.arange(self.manifest.horizon) * self.manifest.step_s
        time_s = seen.stamp_ns % (100_000 * NANOSECONDS) / NANOSECONDS + steps_s
        targets = np.tile(self._begin, (self.manifest.horizon, 1))
        targets[:, 0] += AMPLITUDE * np.sin(FREQUENCY * time_s)
        if self._robot is not None:
            targets = self._in_hands(targets, seen.position)
            targets[:, :-1] *= instruction.text != NOWHERE
        return intent, chunk_of(self.manifest, self._sequence, seen, intent, targets)

    def _in_hands(self, targets: np.ndarray, position: np.ndarray) -> np.ndarray:
        """`(horizon, 8)` of the robot's only hand: position, quaternion xyzw, how far it is closed."""
        (hand,) = self._robot.end_effectors.values()
        fingers = self._robot.group_indices(hand.hand_group)
        span = hand.hand_closed - hand.hand_open
        rows = []
        for target in targets:
            closed = (target[fingers] - hand.hand_open) @ span / (span @ span)
            arm = target.copy()
            arm[fingers] = position[fingers]
            pose = pin.SE3ToXYZQUAT(self._robot.frame_pose(hand.grasp_frame, arm))
            rows.append([*pose, closed])
        return np.array(rows)
