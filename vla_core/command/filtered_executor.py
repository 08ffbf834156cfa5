"""The command node's core as an executor of stepped time."""

from __future__ import annotations

import numpy as np

from vla_core.chunks.timeline import ChunkTimeline
from vla_core.command.command import CommandSettings
from vla_core.command.command_core import CommandCore
from vla_core.errors import VlaError
from vla_core.handover.settings import HandoverSettings
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.types import ActionChunk, ControlMode, Pace


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
        self.off_path, self._has_moved = 0.0, False
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
        """The core's command; the first tick brings it into POLICY.

        Where the core left it (a finger that is jammed is far from its command), each tick asks to
        go on, as an operator would; refused, the robot is held.

        Raises:
            VlaError: POLICY was refused before the robot ever moved.
        """
        core = self.core
        stamp_ns = max(1, now_ns)  # zero would say that there is none
        if problem := core.on_joint_state(self._names, position, velocity, stamp_ns, now_ns):
            raise VlaError(problem)
        for mode in (ControlMode.HOLD, ControlMode.POLICY):
            if core.mode < mode:
                answer = core.request_mode(mode, now_ns)
                if not (answer.accepted or self._has_moved):
                    raise VlaError(answer.reason)
        self._has_moved |= core.mode == ControlMode.POLICY
        command = core.tick(now_ns)
        self.off_path = float(np.abs(command.status.requested - command.position).max())
        return command.position
