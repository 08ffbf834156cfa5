"""Who turns chunks into joint targets in the stepped simulation."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from vla_core.errors import VlaError
from vla_core.execution.command import CommandSettings
from vla_core.execution.command_core import CommandCore
from vla_core.execution.timeline import ChunkTimeline
from vla_core.handover.settings import HandoverSettings
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.types import ActionChunk, ControlMode, Pace


class Executor(Protocol):
    """One episode's execution of chunks.

    Attributes:
        period_s: time between two joint targets [s].
        timeline: what is executed.
        pace: how it is run through.
        off_path: how far the last target is from what the policy wants then, of the joint that is
            farthest [rad].
        takeovers: times that an operator has taken over.
    """

    period_s: float
    timeline: ChunkTimeline
    pace: Pace
    off_path: float
    takeovers: int

    def on_chunk(self, chunk: ActionChunk, now_ns: int) -> None:
        """Take a chunk when it arrives.

        Raises:
            VlaError: it cannot be executed.
        """

    def tick(self, now_ns: int, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """`(dof,)` joint targets for now.

        Args:
            position, velocity: `(dof,)` as measured now.
        """


class TimelineExecutor:
    """The timeline's targets as they are: nothing limits, nothing checks.

    Args:
        joint_names: canonical order.
        period_s: time between two joint targets [s].
    """

    def __init__(self, joint_names: tuple[str, ...], period_s: float) -> None:
        self.period_s = period_s
        self.timeline = ChunkTimeline(joint_names)
        self.pace = Pace()
        self.off_path = 0.0
        self.takeovers = 0
        self._target: np.ndarray | None = None

    def on_chunk(self, chunk: ActionChunk, now_ns: int) -> None:
        """Put it on the timeline."""
        self.timeline.insert(chunk, now_ns)

    def tick(self, now_ns: int, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """The target that is due; the last one after the end; at first, where the robot is."""
        sample = self.timeline.sample(now_ns)
        if sample is not None:
            self._target = sample.position
        elif self._target is None:
            self._target = position.copy()
        return self._target


class FilteredExecutor:
    """The command node's own core: timeline, limits, safety filter, at the robot's rate.

    Args:
        robot: what is commanded.
        safety: of the robot; made once, used by one episode after the other.
        path_braking: as in `CommandSettings`.
        handover: how an operator takes over; None: nobody can.

    Attributes:
        core: the command node's.
    """

    def __init__(
        self,
        robot: RobotModel,
        safety: CommandSafety | None,
        path_braking: bool = True,
        handover: HandoverSettings | None = None,
    ) -> None:
        self.period_s = 1.0 / robot.description.command.rate_hz
        self._names = robot.joint_names
        self.off_path = 0.0
        settings = CommandSettings(period_s=self.period_s, path_braking=path_braking)
        self.core = CommandCore(robot.limits, settings, safety=safety, handover=handover)

    @property
    def timeline(self) -> ChunkTimeline:
        """The core's."""
        return self.core.timeline

    @property
    def pace(self) -> Pace:
        """The core's."""
        return self.core.pace

    @property
    def takeovers(self) -> int:
        """As the core counts them."""
        return 0 if self.core.intervention is None else self.core.intervention.number

    def on_chunk(self, chunk: ActionChunk, now_ns: int) -> None:
        """Give it to the core; in a simulation without faults a refusal is a defect."""
        if problem := self.core.on_chunk(chunk, now_ns):
            raise VlaError(problem)

    def tick(self, now_ns: int, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """The core's command; the first tick brings it into POLICY."""
        core = self.core
        stamp_ns = max(1, now_ns)  # zero would say that there is none
        if problem := core.on_joint_state(self._names, position, velocity, stamp_ns, now_ns):
            raise VlaError(problem)
        for mode in (ControlMode.HOLD, ControlMode.POLICY):
            if core.mode < mode:
                answer = core.request_mode(mode, now_ns)
                if not answer.accepted:
                    raise VlaError(answer.reason)
        command = core.tick(now_ns)
        self.off_path = float(np.abs(command.status.requested - command.position).max())
        return command.position
