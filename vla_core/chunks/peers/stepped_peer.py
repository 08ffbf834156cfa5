"""What both peers share: the robot is sent one action a step, and moves evenly to it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from vla_core.chunks.delay import DelayTracker
from vla_core.chunks.inference_schedule import InferenceSchedule
from vla_core.contract.protocol import System1
from vla_core.errors import ChunkError
from vla_core.types import NANOSECONDS, Context, LatentIntent, Observation


class SteppedPeer(ABC):
    """Looks, computes, and sends actions, as `SteppedInference` and `Executor` do together.

    An action says where to be a step later, so a chunk's first action is target 1: target 0 is due
    at the observation itself. Both peers know no time between two steps.

    Args:
        system1: computes chunks.
        schedule: the injected delay.
        rng: of the sampler.
        period_s: time between two joint targets [s].

    Attributes:
        period_s: time between two joint targets [s].
        off_path: nothing limits the targets, so zero [rad].
        takeovers: nobody can take over, so zero.
        delay: steps that were executed between looking and arrival.
    """

    off_path = 0.0
    takeovers = 0

    def __init__(
        self,
        system1: System1,
        schedule: InferenceSchedule,
        rng: np.random.Generator,
        period_s: float,
    ) -> None:
        self.period_s = period_s
        self.delay = DelayTracker()
        self._system1 = system1
        self._rng = rng
        self._step_ns = round(system1.manifest.step_s * NANOSECONDS)
        self._delay_ns = round(schedule.delay_s * NANOSECONDS)
        self._looked_ns: int | None = None
        self._due_ns = 0
        self._sent_ns = 0
        self._start: np.ndarray | None = None
        self._goal: np.ndarray | None = None

    @abstractmethod
    def hungry(self) -> bool:
        """Whether the peer asks for a chunk, now that a step begins."""

    @abstractmethod
    def ask(self, context: Context, intent: LatentIntent) -> None:
        """Let the peer have its chunk computed from an observation of now."""

    @abstractmethod
    def receive(self) -> None:
        """Let the peer have what it asked for."""

    @abstractmethod
    def next_action(self) -> np.ndarray | None:
        """`(dof,)` action of the step that begins; None: there is none."""

    def actions(self, context: Context, intent: LatentIntent) -> np.ndarray:
        """`(horizon - 1, dof)` float32 actions of a new chunk."""
        return self._system1.act(context, intent, self._rng).targets[1:].astype(np.float32)

    def is_due(self, now_ns: int, intent: LatentIntent | None = None) -> bool:
        """Whether the next inference begins now; at a step's begin its action is sent before."""
        if now_ns < self._due_ns:
            return False
        self._send(now_ns)
        return self._looked_ns is None and self.hungry()

    def context(
        self, seen: Observation, history: tuple[Observation | None, ...] = ()
    ) -> Context:
        """What either system is shown of a moment; peers do not report what is executed."""
        return Context(seen, history)

    def infer(self, context: Context, intent: LatentIntent) -> str:
        """As `SteppedInference.infer`; where no chunk comes of it, the peer asks again."""
        seen = context.observation
        self._looked_ns = seen.stamp_ns
        if self._goal is None:
            self._start = self._goal = seen.position
        try:
            self.ask(context, intent)
        except ChunkError as error:
            self._looked_ns = None
            return str(error)
        return ""

    def deliver(self, now_ns: int) -> bool:
        """Hand the chunk over once its time has come; whether it was."""
        if self._looked_ns is None or now_ns - self._looked_ns < self._delay_ns:
            return False
        self._looked_ns = None
        self.receive()
        if now_ns >= self._due_ns:
            self._send(now_ns)
        return True

    def tick(self, now_ns: int, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """`(dof,)` joint targets for now: evenly to the newest action, within a step."""
        share = min(1.0, (now_ns - self._sent_ns) / self._step_ns)
        return self._start + share * (self._goal - self._start)

    def _send(self, now_ns: int) -> None:
        self._due_ns = now_ns + self._step_ns
        action = self.next_action()
        if action is not None:
            self._start, self._goal, self._sent_ns = self._goal, action, now_ns
