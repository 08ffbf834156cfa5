"""The command core of an episode with an operator at it, and with what a recorder keeps of it."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

import numpy as np

from vla_core.chunks.timeline import ChunkTimeline
from vla_core.command.filtered_executor import FilteredExecutor
from vla_core.errors import VlaError
from vla_core.handover.intervention import Intervention
from vla_core.handover.passing_operator import Manner, PassingOperator
from vla_core.handover.teleop_description import TeleopDescription
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.types import NANOSECONDS, ActionChunk, ControlMode, Pace, TeleopTarget


class Operator(Protocol):
    """Who watches, and takes over now and then; acts every `PERIOD_S`.

    Attributes:
        trouble: why the deadman was pressed last.
    """

    PERIOD_S: float
    trouble: Enum | None

    def act(self, command: np.ndarray, now_ns: int) -> TeleopTarget | None:
        """What goes to the command core now.

        Args:
            command: `(dof,)` where the robot is commanded to be.
        """


class AttemptListener(Protocol):
    """Takes down what an operator does."""

    def on_intervention(self, intervention: Intervention, trouble: Enum | None) -> None:
        """An intervention has begun, or has ended; and why the operator took over."""

    def on_tick(
        self, now_ns: int, mode: ControlMode, position: np.ndarray, action: np.ndarray
    ) -> None:
        """A tick is over: the mode in force, `(dof,)` measured before it and commanded in it."""


class OperatedExecutor:
    """An `Executor`, so that an episode with an operator is run as every other.

    Args:
        executor: with `handover`; one episode's.
        operator: who watches and takes over.
        record: takes down what an expert does; None: nothing is kept.
    """

    def __init__(
        self,
        executor: FilteredExecutor,
        operator: Operator,
        record: AttemptListener | None = None,
    ) -> None:
        self._executor, self._operator, self._record = executor, operator, record
        self.period_s = executor.period_s
        self._command: np.ndarray | None = None
        self._acts_ns = 0

    @classmethod
    def passing(
        cls,
        robot: RobotModel,
        safety: CommandSafety,
        described: TeleopDescription,
        random: np.random.Generator,
        manner: Manner,
        path_braking: bool = True,
    ) -> OperatedExecutor:
        """With a `PassingOperator` of that manner at a core of the robot's own."""
        core = FilteredExecutor(robot, safety, path_braking, described.handover)
        return cls(core, PassingOperator(described, robot, random, manner))

    @property
    def timeline(self) -> ChunkTimeline:
        """The core's."""
        return self._executor.timeline

    @property
    def pace(self) -> Pace:
        """The core's."""
        return self._executor.pace

    @property
    def off_path(self) -> float:
        """As the executor's."""
        return self._executor.off_path

    @property
    def takeovers(self) -> int:
        """As the executor's."""
        return self._executor.takeovers

    def on_chunk(self, chunk: ActionChunk, now_ns: int) -> None:
        """The policy's, whoever moves the robot: the core knows which it follows."""
        self._executor.on_chunk(chunk, now_ns)

    def tick(self, now_ns: int, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """The core's command, with the operator's target before it where one is due."""
        core = self._executor.core
        if self._command is not None and now_ns >= self._acts_ns:
            self._acts_ns = now_ns + round(self._operator.PERIOD_S * NANOSECONDS)
            target = self._operator.act(self._command, now_ns)
            if target is not None and (problem := core.on_teleop(target, now_ns)):
                raise VlaError(problem)
        self._command = self._executor.tick(now_ns, position, velocity)
        if self._record is not None:
            for intervention in core.take_interventions():
                self._record.on_intervention(intervention, self._operator.trouble)
            self._record.on_tick(now_ns, core.mode, position, self._command)
        return self._command
