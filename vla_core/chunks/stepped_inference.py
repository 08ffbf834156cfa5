"""System 1 in stepped time: it looks, computes for a while, and its chunk arrives later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vla_core.chunks.delay import DelayTracker, Lateness, joined_steps
from vla_core.chunks.executor import Executor
from vla_core.chunks.inference_schedule import InferenceSchedule
from vla_core.chunks.strategies.choose import fitting_strategy
from vla_core.chunks.trigger import Trigger, TriggerRule
from vla_core.contract.protocol import System1
from vla_core.errors import ChunkError
from vla_core.types import NANOSECONDS, ActionChunk, CommittedPlan, LatentIntent, Observation


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
        self._system1 = system1
        self._executor = executor
        self._rng = rng
        manifest = system1.manifest
        self._name = schedule.strategy
        self._strategy = fitting_strategy(schedule.strategy, manifest, schedule.replan_steps)
        self._trigger = TriggerRule(schedule.trigger, schedule.remaining_steps)
        if self._strategy.waits:
            self._trigger = TriggerRule(Trigger.REMAINING)
        executed = self._trigger.executed_steps(schedule.replan_steps, manifest.horizon)
        self._limit = self._strategy.limit_steps(manifest, executed)
        step_ns = manifest.step_s * NANOSECONDS
        self._period_ns = round(schedule.replan_steps * step_ns)
        self._delay_ns = round(schedule.delay_s * NANOSECONDS)
        self.delay = DelayTracker(initial=-(-self._delay_ns // round(step_ns)))
        self._looked_ns: int | None = None
        self._acted_on: LatentIntent | None = None
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
        step_s, executor = self._system1.manifest.step_s, self._executor
        steps_left = executor.timeline.steps_left(now_ns, step_s, executor.pace)
        return now_ns - self._looked_ns >= self._period_ns and self._trigger.due(
            steps_left, intent is not self._acted_on
        )

    def infer(self, seen: Observation, intent: LatentIntent) -> None:
        """Begin an inference from an observation of now."""
        arguments = (seen, intent, self._rng)
        if self._strategy.conditioning is not None:
            arguments += (self._plan(seen.stamp_ns),)
        self._coming = self._system1.act(*arguments)
        self._looked_ns = seen.stamp_ns
        self._acted_on = intent

    def deliver(self, now_ns: int) -> bool:
        """Hand the chunk over once its time has come; whether it was taken.

        A chunk of which nothing is due any more is refused, and the robot holds.
        """
        if self._coming is None or now_ns - self._looked_ns < self._delay_ns:
            return False
        chunk, self._coming = self._coming, None
        chunk = self._strategy.prepare(chunk, now_ns)
        try:
            self._executor.on_chunk(replace(chunk, path_speed=self.lateness.path_speed), now_ns)
        except ChunkError:
            return False
        self.delay.add(self._executor.timeline.delay_steps)
        return True

    @property
    def lateness(self) -> Lateness:
        """The delay beside what the strategy can absorb."""
        return Lateness(self._name, self.delay.steps, self._limit)

    def _plan(self, stamp_ns: int) -> CommittedPlan:
        manifest, executor, frozen = self._system1.manifest, self._executor, self.delay.steps
        steps = joined_steps(manifest.horizon, frozen, executor.pace)
        targets = executor.timeline.plan(stamp_ns, manifest.step_s, steps, executor.pace)
        return CommittedPlan(targets, frozen, self._strategy.conditioning)
