"""System 1's loop: when it looks, which plan its chunk is to join, how late the chunk may be.

The same for a node, stepped evaluation, corrections and offline replay; they differ in who says
what is executed (`ExecutedPlan`) and in how time passes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from vla_core.chunks.delay import Lateness
from vla_core.chunks.inference_schedule import InferenceSchedule
from vla_core.chunks.strategies.choose import fitting_strategy
from vla_core.chunks.trigger import Trigger, TriggerRule
from vla_core.contract.protocol import System1
from vla_core.contract.specification import ActionSpec
from vla_core.errors import PolicyError
from vla_core.types import (
    ActionChunk,
    CommittedPlan,
    Conditioning,
    Context,
    LatentIntent,
    Observation,
)


class ExecutedPlan(Protocol):
    """What is executed of the chunks that were given out, as far as System 1 knows.

    Attributes:
        delay_steps: estimate of the next chunk's delay [steps].
    """

    delay_steps: int

    def plan(
        self, stamp_ns: int, step_s: float, horizon: int, conditioning: Conditioning
    ) -> CommittedPlan:
        """What is being executed, at the steps of a chunk to come; nothing, if nothing is.

        Args:
            stamp_ns: of the observation that the chunk is computed from.
            step_s, horizon: of the chunk [s], [steps].
            conditioning: what System 1 is to make of it.
        """

    def executed(self, stamp_ns: int) -> np.ndarray | None:
        """`Context.executed` of an observation."""

    def steps_left(self, now_ns: int, step_s: float) -> float:
        """How many steps of `step_s` are left of what is being executed; 0 with none."""


class System1Loop:
    """One System 1, whoever runs it.

    Args:
        system1: computes chunks of joint targets (`in_joint_targets`).
        schedule: how often, by which strategy.
        executed: what is executed of its chunks.

    Attributes:
        trigger: what is waited for, besides the rate.

    Raises:
        ConfigError, PolicyError: no such strategy, or the policy cannot do what it needs.
    """

    def __init__(
        self,
        system1: System1,
        schedule: InferenceSchedule,
        executed: ExecutedPlan,
    ) -> None:
        self._system1, self._executed = system1, executed
        manifest = system1.manifest
        if manifest.action != ActionSpec():
            raise PolicyError(
                f"policy {manifest.name!r}",
                f"its actions say {manifest.action}, expected joint targets; convert it "
                "(`in_joint_targets`) before it is run",
            )
        self._name, steps = schedule.strategy, schedule.replan_steps
        self._strategy = fitting_strategy(schedule.strategy, manifest, steps)
        self.trigger = TriggerRule(schedule.trigger, schedule.remaining_steps)
        if self._strategy.waits:
            self.trigger = TriggerRule(Trigger.REMAINING)
        executed_steps = self.trigger.executed_steps(steps, manifest.horizon)
        self._limit = self._strategy.limit_steps(manifest, executed_steps)
        self.restart(np.random.default_rng(0))

    def restart(self, rng: np.random.Generator) -> None:
        """As if new; `rng` is the sampler's from now on."""
        self._rng = rng
        self._acted_on: LatentIntent | None = None
        self.forget()

    @property
    def lateness(self) -> Lateness:
        """The delay beside what the strategy can absorb."""
        return Lateness(self._name, self._executed.delay_steps, self._limit)

    def is_triggered(self, intent: LatentIntent | None, now_ns: int) -> bool:
        """Whether it looks now, once its rate allows.

        Args:
            intent: the newest; None: one is formed whenever it looks.
        """
        steps_left = self._executed.steps_left(now_ns, self._system1.manifest.step_s)
        return self.trigger.due(steps_left, intent is not self._acted_on)

    def context(
        self, seen: Observation, history: tuple[Observation | None, ...] = ()
    ) -> Context:
        """What either system is shown of a moment; without a history, nothing is known of it."""
        history = history or (None,) * len(self._system1.manifest.observation.history_s)
        return Context(seen, history, self._executed.executed(seen.stamp_ns))

    def act(self, context: Context, intent: LatentIntent) -> ActionChunk:
        """A chunk of what is seen now, made to join what is executed; as `System1.act` raises."""
        self._acted_on = intent
        conditioning = self._strategy.conditioning
        if conditioning is None:
            return self._system1.act(context, intent, self._rng)
        manifest = self._system1.manifest
        plan = self._executed.plan(
            context.observation.stamp_ns, manifest.step_s, manifest.horizon, conditioning
        )
        return self._system1.act(context, intent, self._rng, plan)

    def prepare(self, chunk: ActionChunk, now_ns: int) -> ActionChunk:
        """What is to be executed for a chunk that is ready now.

        As slowly as the policy asks, or its lateness.
        """
        chunk = self._strategy.prepare(chunk, now_ns)
        speed = min(chunk.path_speed, self.lateness.path_speed)
        return replace(chunk, path_speed=speed)

    def forget(self) -> None:
        """Chunks that came before were for something else: another instruction, another start."""
        self._strategy.forget()
