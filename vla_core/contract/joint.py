"""A policy of one process as two systems, for whoever steps or replays both."""

from __future__ import annotations

import numpy as np

from vla_core.contract.answers import intent_of
from vla_core.contract.intent_view import IntentView, ShowsNothing
from vla_core.contract.protocol import DualSystem, JointPolicy
from vla_core.types import ActionChunk, CommittedPlan, Context, Instruction, LatentIntent


def as_dual(policy: JointPolicy, view: IntentView = ShowsNothing()) -> DualSystem:
    """Its halves: the slow one passes the instruction on, the fast one does everything."""
    return DualSystem(_InstructionOnly(policy), JointSystem1(policy), view)


class _InstructionOnly:
    """System 2 of a joint policy: instruction and observation, and no tensors."""

    def __init__(self, policy: JointPolicy) -> None:
        self.manifest = policy.manifest
        self._sequence = 0

    def reset(self, instruction: Instruction | None) -> None:
        """Nothing is remembered."""

    def intend(self, context: Context, instruction: Instruction) -> LatentIntent:
        """The instruction as an intent."""
        self._sequence += 1
        return intent_of(self.manifest, self._sequence, context.observation, instruction, {})


class JointSystem1:
    """System 1 of a joint policy.

    Attributes:
        formed: the intent that the policy formed with its last chunk.
    """

    def __init__(self, policy: JointPolicy) -> None:
        self.manifest = policy.manifest
        self.formed: LatentIntent | None = None
        self._policy = policy

    def reset(self, instruction: Instruction | None) -> None:
        """Resets the policy."""
        self._policy.reset(instruction)

    def act(
        self,
        context: Context,
        intent: LatentIntent,
        rng: np.random.Generator,
        plan: CommittedPlan | None = None,
    ) -> ActionChunk:
        """The policy's step for the instruction of `intent`."""
        self.formed, chunk = self._policy.step(context, intent.instruction, rng, plan)
        return chunk
