"""System 1 in stepped time: it looks, computes for a while, and its chunk arrives later."""

from __future__ import annotations

import numpy as np

from vla_core.chunks.delay import DelayTracker, joined_steps
from vla_core.chunks.executed_targets import ExecutedTargets
from vla_core.chunks.executor import Executor
from vla_core.chunks.inference_schedule import InferenceSchedule
from vla_core.chunks.system1_loop import System1Loop
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.protocol import System1
from vla_core.errors import ChunkError
from vla_core.types import (
    NANOSECONDS,
    ActionChunk,
    CommittedPlan,
    Conditioning,
    Context,
    LatentIntent,
    Observation,
)


class _PlanOf:
    """What an executor executes, as an `ExecutedPlan`, read off the executor itself."""

    def __init__(
        self, executor: Executor, initial_steps: int, manifest: PolicyManifest
    ) -> None:
        self._executor = executor
        self._executed = ExecutedTargets(manifest)
        self.delay = DelayTracker(initial_steps)

    @property
    def delay_steps(self) -> int:
        """As it was last."""
        return self.delay.steps

    def plan(
        self, stamp_ns: int, step_s: float, horizon: int, conditioning: Conditioning
    ) -> CommittedPlan:
        """What is left of it from `stamp_ns`, to be joined."""
        executor, frozen = self._executor, self.delay.steps
        steps = joined_steps(horizon, frozen, executor.pace)
        targets = executor.timeline.plan(stamp_ns, step_s, steps, executor.pace)
        return CommittedPlan(targets, frozen, conditioning)

    def executed(self, stamp_ns: int) -> np.ndarray | None:
        """What was commanded before `stamp_ns`."""
        return self._executed.before(stamp_ns)

    def look(self, now_ns: int) -> None:
        """Remember what is commanded now."""
        self._executed.add(now_ns, self._executor.timeline, self._executor.pace)

    def steps_left(self, now_ns: int, step_s: float) -> float:
        """Of the plan."""
        return self._executor.timeline.steps_left(now_ns, step_s, self._executor.pace)


class SteppedInference:
    """One inference at a time, its delay injected: no wall clock is in the result.

    Args:
        system1: computes chunks.
        executor: takes them.
        schedule: how often, with what delay, by which strategy.
        rng: of the sampler.

    Attributes:
        delay: steps that were executed between looking and arrival.
    """

    def __init__(
        self,
        system1: System1,
        executor: Executor,
        schedule: InferenceSchedule,
        rng: np.random.Generator,
    ) -> None:
        step_ns = system1.manifest.step_s * NANOSECONDS
        self._period_ns = round(schedule.replan_steps * step_ns)
        self._delay_ns = round(schedule.delay_s * NANOSECONDS)
        self._executor = executor
        self._plan = _PlanOf(executor, -(-self._delay_ns // round(step_ns)), system1.manifest)
        self.delay = self._plan.delay
        self._loop = System1Loop(system1, schedule, self._plan)
        self._loop.restart(rng)
        self._looked_ns: int | None = None
        self._coming: ActionChunk | None = None

    def is_due(self, now_ns: int, intent: LatentIntent | None = None) -> bool:
        """Whether the next inference begins now.

        Args:
            intent: the newest; None: one is formed whenever this looks.
        """
        if self._coming is not None:
            return False
        if self._looked_ns is None:
            return True
        return now_ns - self._looked_ns >= self._period_ns and self._loop.is_triggered(
            intent, now_ns
        )

    def context(
        self, seen: Observation, history: tuple[Observation | None, ...] = ()
    ) -> Context:
        """What either system is shown of a moment."""
        return self._loop.context(seen, history)

    def infer(self, context: Context, intent: LatentIntent) -> str:
        """Begin an inference from an observation of now.

        Returns:
            Why no chunk comes of it, where the policy's actions cannot be told in joints; else "".
        """
        self._looked_ns = context.observation.stamp_ns
        try:
            self._coming = self._loop.act(context, intent)
        except ChunkError as error:
            return str(error)
        return ""

    def deliver(self, now_ns: int) -> bool:
        """Hand the chunk over once its time has come; whether it was taken. Call it every tick.

        A chunk of which nothing is due any more is refused, and the robot holds.
        """
        self._plan.look(now_ns)
        if self._coming is None or now_ns - self._looked_ns < self._delay_ns:
            return False
        chunk, self._coming = self._coming, None
        try:
            self._executor.on_chunk(self._loop.prepare(chunk, now_ns), now_ns)
        except ChunkError:
            return False
        self.delay.add(self._executor.timeline.delay_steps)
        return True
