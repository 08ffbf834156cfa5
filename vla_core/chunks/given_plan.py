"""What System 1 has given out, as far as it is executed: the plan that its next chunk joins."""

from __future__ import annotations

from collections import deque

import numpy as np

from vla_core.chunks.delay import KEPT, DelayTracker, joined_steps
from vla_core.chunks.executed_targets import ExecutedTargets
from vla_core.chunks.timeline import ChunkTimeline
from vla_core.contract.manifest import PolicyManifest
from vla_core.types import (
    ActionChunk,
    CommittedPlan,
    Conditioning,
    ControlMode,
    ExecutionState,
    Pace,
)


class GivenPlan:
    """System 1's copy of the timeline in execution, kept in step with the reported execution.

    A chunk that was made of the world before a mode but POLICY began is not followed after it. One
    that was made since is: it is what takes the policy up again, and the next one joins it.

    Args:
        manifest: of the policy, which fits the robot.
    """

    def __init__(self, manifest: PolicyManifest) -> None:
        self._joint_names = manifest.joint_names
        self._executed = ExecutedTargets(manifest)
        self.restart()

    def restart(self) -> None:
        """Forget everything: another start, or the clock was set back."""
        self._delay = DelayTracker()
        self._counted = 0
        self._out: deque[int] = deque(maxlen=KEPT)
        self._pace = Pace()
        self._is_followed = False
        self._executed.clear()
        self._discard()

    @property
    def delay_steps(self) -> int:
        """Estimate of the next chunk's delay [steps]."""
        return self._delay.steps

    def give(self, chunk: ActionChunk, now_ns: int) -> None:
        """A chunk goes out.

        Raises:
            ChunkError: nobody could execute it.
        """
        self._timeline.insert(chunk, now_ns, self._is_followed)
        self._out.append(chunk.sequence)
        self._made_ns = min(chunk.observation_stamp_ns, chunk.intent_stamp_ns)

    def update(self, state: ExecutionState, mode_since_ns: int) -> bool:
        """Take what the command node executes; whether that invalidates what was given out.

        Delays are counted of chunks that were given out from here alone: another's steps may be of
        another length.

        Args:
            mode_since_ns: when the mode of `state` began.
        """
        self._pace = state.pace
        followed = state.chunk_sequence if state.mode is ControlMode.POLICY else 0
        self._is_followed = followed != 0
        if followed != self._counted and followed in self._out:
            self._counted = followed
            self._delay.add(int(state.delay_steps))
        if self._is_followed:
            self._executed.add(state.stamp_ns, self._timeline, state.pace)
        if state.mode is ControlMode.POLICY or not 0 <= self._made_ns <= mode_since_ns:
            return False
        self._discard()
        return True

    def plan(
        self, stamp_ns: int, step_s: float, horizon: int, conditioning: Conditioning
    ) -> CommittedPlan:
        """What is being executed, at the steps of a chunk to come; nothing, if nothing is.

        Args:
            stamp_ns: of the observation that the chunk is computed from.
            step_s, horizon: of the chunk [s], [steps].
            conditioning: what System 1 is to make of it.
        """
        frozen, pace = self._delay.steps, self._pace
        steps = joined_steps(horizon, frozen, pace) if self._is_followed else 0
        return CommittedPlan(
            self._timeline.plan(stamp_ns, step_s, steps, pace), frozen, conditioning
        )

    def executed(self, stamp_ns: int) -> np.ndarray | None:
        """`Context.executed` of an observation."""
        return self._executed.before(stamp_ns)

    def steps_left(self, now_ns: int, step_s: float) -> float:
        """How many steps of `step_s` are left of what is being executed; 0 with none.

        None are left of a plan that stands still, either: waiting for fewer would last.
        """
        if not self._is_followed or self._pace.speed <= 0.0:
            return 0.0
        return self._timeline.steps_left(now_ns, step_s, self._pace)

    def _discard(self) -> None:
        # another one, as a thread may be reading this one
        self._timeline = ChunkTimeline(self._joint_names)
        self._made_ns = -1
