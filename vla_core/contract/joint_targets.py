"""A System 1 in joint targets, whatever its network's numbers mean."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from vla_core.contract.action_conversion import ActionConverter
from vla_core.contract.protocol import System1
from vla_core.contract.specification import ActionSpec
from vla_core.errors import ChunkError
from vla_core.robot.model import RobotModel
from vla_core.types import ActionChunk, CommittedPlan, Context, Instruction, LatentIntent


def in_joint_targets(system1: System1, robot: RobotModel) -> System1:
    """`system1` itself where its actions are joint targets already; else converted.

    Args:
        robot: whose joints and kinematics.

    Raises:
        PolicyError: the robot lacks a joint, an end effector or a frame that actions speak of.
    """
    return system1 if system1.manifest.action == ActionSpec() else _Converted(system1, robot)


class _Converted:
    """Chunks become joint targets; the plan that they are to join becomes actions."""

    def __init__(self, system1: System1, robot: RobotModel) -> None:
        manifest = system1.manifest
        self._system1 = system1
        self._name = manifest.name
        self._converter = ActionConverter(robot, manifest.action, f"policy {manifest.name!r}")
        self.manifest = replace(manifest, action=ActionSpec())

    def reset(self, instruction: Instruction | None) -> None:
        """Resets the policy."""
        self._system1.reset(instruction)

    def act(
        self,
        context: Context,
        intent: LatentIntent,
        rng: np.random.Generator,
        plan: CommittedPlan | None = None,
    ) -> ActionChunk:
        """As `System1.act`; the conversion counts as computing.

        Raises:
            ChunkError: what the actions say cannot be told in joints; says why.
        """
        position = context.observation.position
        if plan is not None:
            plan = replace(plan, targets=self._converter.from_joints(plan.targets, position))
        chunk = self._system1.act(context, intent, rng, plan)
        started_s = time.perf_counter()
        try:
            targets = self._converter.to_joints(chunk.targets, position)
        except ValueError as error:
            raise ChunkError(f"chunk {chunk.sequence} of policy {self._name!r}: {error}") from error
        compute_s = chunk.compute_s + time.perf_counter() - started_s
        return replace(chunk, targets=targets, compute_s=compute_s)
