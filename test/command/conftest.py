"""A two-joint robot and a bench that drives the command core at its period."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from vla_core.command.command import Command, CommandSettings
from vla_core.command.command_core import CommandCore
from vla_core.robot.joint_limits import JointLimits
from vla_core.safety.freshness import FreshnessLimits
from vla_core.types import ActionChunk, ControlMode

MS = 1_000_000
PERIOD_NS = 5 * MS
NAMES = ("shoulder", "elbow")


class Bench:
    """The command core, a perfect robot that is where it is told to be, and a clock."""

    def __init__(
        self,
        freshness: FreshnessLimits = FreshnessLimits(),
        jerk: float = 300.0,
        settings: CommandSettings = CommandSettings(),
    ) -> None:
        ones = np.ones(2)
        self.limits = JointLimits(NAMES, -ones, 1.5 * ones, 2.5 * ones, 10 * ones, jerk * ones)
        self.core = CommandCore(self.limits, settings, freshness)
        self.now_ns = 1_000 * MS
        self.measured = np.array([0.2, -0.1])
        self.joint_state_alive = True
        self.commands: list[Command] = []
        self.sent: dict[int, ActionChunk] = {}
        self._sequence = 0

    def chunk(
        self,
        targets: np.ndarray,
        age_ms: float = 0.0,
        step_s: float = 0.1,
        names: Sequence[str] = NAMES,
        **changed: object,
    ) -> ActionChunk:
        """A chunk of an observation `age_ms` ago; `targets` `(horizon, 2)` [rad]."""
        self._sequence += 1
        stamp_ns = self.now_ns - round(age_ms * MS)
        given = {
            "sequence": self._sequence,
            "observation_stamp_ns": stamp_ns,
            "observation_sequence": self._sequence,
            "intent_sequence": 1,
            "intent_stamp_ns": stamp_ns,
            "step_s": step_s,
            "joint_names": tuple(names),
            "targets": np.asarray(targets, dtype=float),
        }
        chunk = ActionChunk(**{**given, **changed})
        self.sent[chunk.sequence] = chunk
        return chunk

    def push(self, targets: np.ndarray, **options: object) -> str:
        """Send a chunk now; returns why it was refused."""
        return self.core.on_chunk(self.chunk(targets, **options), self.now_ns)

    def tick(self, times: int = 1) -> Command:
        """Let time pass."""
        for _ in range(times):
            self.now_ns += PERIOD_NS
            if self.joint_state_alive:
                self.core.on_joint_state(NAMES, self.measured, [], self.now_ns, self.now_ns)
            command = self.core.tick(self.now_ns)
            if command.active:
                self.measured = command.position
            self.commands.append(command)
        return self.commands[-1]

    def start_policy(self) -> None:
        """IDLE to POLICY, as an operator does."""
        self.tick()
        assert self.core.request_mode(ControlMode.HOLD, self.now_ns).accepted
        assert self.core.request_mode(ControlMode.POLICY, self.now_ns).accepted

    def positions(self) -> np.ndarray:
        """`(ticks, 2)` of every active command so far [rad]."""
        return np.array([command.position for command in self.commands if command.active])


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def make_bench() -> type[Bench]:
    return Bench


def constraint_names(command: Command) -> set[str]:
    return {constraint.name for constraint in command.status.constraints}


@pytest.fixture
def names_of():
    return constraint_names
