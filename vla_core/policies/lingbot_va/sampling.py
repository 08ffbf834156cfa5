"""Chunks of a robot's joint targets by way of the two-arm action."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.inference.arrays import Array
from vla_core.inference.session import Session
from vla_core.policies.lingbot_va.sizes import ACTION, LingBotSizes
from vla_core.policies.lingbot_va.unified_action import UnifiedAction, UnifiedScaling
from vla_core.policies.visuomotor.planned_sampling import PlannedSampling
from vla_core.policies.visuomotor.sampling import check_joints
from vla_core.robot.model import RobotModel
from vla_core.types import CommittedPlan


class UnifiedSampling(PlannedSampling):
    """Draws a policy's chunks.

    Args:
        manifest, sizes: of the policy.
        velocity: flow of its actions.

    Raises:
        PolicyError: the robot's joints are no longer those that it was trained on.
        ConfigError: it has no hands, too many, or too many joints.
    """

    def __init__(self, manifest: PolicyManifest, sizes: LingBotSizes, velocity: Session) -> None:
        super().__init__(manifest, velocity, sizes.sampler)
        robot = RobotModel.load(manifest.robot)
        check_joints(manifest, robot)
        self._unified = UnifiedAction(robot)
        self._scaling = UnifiedScaling.of(manifest).scaling

    def numbers(self, targets: np.ndarray) -> np.ndarray:
        """`(n, dof)` joint targets to `(n, 30)`, normalised."""
        return self._scaling.normalised(self._unified.of(targets))

    def sample(
        self,
        told: Mapping[str, Array],
        position: np.ndarray,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> np.ndarray:
        """`(horizon, dof)` float64 targets.

        Args:
            told: what the flow is told besides actions and time, on its device.
            position: `(dof,)`, where joints stay that the action does not hold.
        """
        known = 0 if plan is None else min(len(plan.targets), self.manifest.horizon)
        old = np.zeros((1, self.manifest.horizon, ACTION), np.float32)
        if known:
            old[0, :known] = self.numbers(plan.targets[:known])
        normalised = self.draw(told, old, known, rng, plan)
        return self._unified.joints(self._scaling.restored(normalised), position)
