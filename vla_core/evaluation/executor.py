"""Who turns chunks into joint targets in the stepped simulation."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from vla_core.errors import VlaError
from vla_core.evaluation.chunk_follower import target_at
from vla_core.execution.command import CommandSettings
from vla_core.execution.command_core import CommandCore
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS, ActionChunk, ControlMode


class Executor(Protocol):
    """One episode's execution of chunks.

    Attributes:
        period_s: time between two joint targets [s].
    """

    period_s: float

    def on_chunk(self, chunk: ActionChunk, now_ns: int) -> None:
        """Take a chunk when it arrives."""

    def tick(self, now_ns: int, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """`(dof,)` joint targets for now.

        Args:
            position, velocity: `(dof,)` as measured now.
        """


class DirectExecutor:
    """The newest chunk's targets as they are, linear in between: nothing limits, nothing checks."""

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        self._chunk: ActionChunk | None = None

    def on_chunk(self, chunk: ActionChunk, now_ns: int) -> None:
        """Follow it from now on."""
        self._chunk = chunk

    def tick(self, now_ns: int, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """The chunk's target; before the first chunk, where the robot is."""
        return position if self._chunk is None else target_at(self._chunk, now_ns / NANOSECONDS)


class FilteredExecutor:
    """The command node's own core: timeline, limits, safety filter, at the robot's rate."""

    def __init__(self, robot: RobotModel) -> None:
        self.period_s = 1.0 / robot.description.command.rate_hz
        self._names = robot.joint_names
        self._core = CommandCore(robot.limits, CommandSettings(period_s=self.period_s))

    def on_chunk(self, chunk: ActionChunk, now_ns: int) -> None:
        """Give it to the core.

        Raises:
            VlaError: the core refuses it; in a simulation without faults that is a defect.
        """
        if problem := self._core.on_chunk(chunk, now_ns):
            raise VlaError(problem)

    def tick(self, now_ns: int, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """The core's command; the first tick brings it into POLICY."""
        core = self._core
        if problem := core.on_joint_state(self._names, position, velocity, now_ns, now_ns):
            raise VlaError(problem)
        for mode in (ControlMode.HOLD, ControlMode.POLICY):
            if core.mode < mode:
                answer = core.request_mode(mode, now_ns)
                if not answer.accepted:
                    raise VlaError(answer.reason)
        return core.tick(now_ns).position
