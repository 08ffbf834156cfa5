"""Are the commands for this robot, in its order, and inside its limits?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vla_core.replay.doctor.contract import limits_of
from vla_core.replay.doctor.events import Joints
from vla_core.replay.doctor.finding import Findings, Kind
from vla_core.replay.doctor.joints import names_problem
from vla_core.robot.description import RobotDescription

#: Rounding of 32-bit numbers.
_ROUNDING = 1e-3
#: Faster than so many times the velocity limit, and by so much more, in one step. A person's hand
#: commands up to 1.3 times the limit in 63 real episodes.
_TOO_FAST, _STEP = 2.0, 0.02


class CommandedJoints:
    """Looks at the commands of one topic.

    Args:
        expected: joints that its commands are for, in order; empty: those that it names.
        newest: `(dof,)` newest command in canonical order, written to; NaN before the first.
    """

    def __init__(
        self,
        robot: RobotDescription,
        expected: Sequence[str],
        newest: np.ndarray,
        findings: Findings,
    ) -> None:
        self._robot = robot
        self._expected = expected
        self._newest = newest
        self._limits = limits_of(robot)
        self._findings = findings
        self._names: tuple[str, ...] = ()
        self._places = np.empty(0, dtype=int)
        self._columns = np.empty(0, dtype=int)
        self._previous: Joints | None = None

    def see(self, command: Joints) -> None:
        """Look at a command, every point of it."""
        if command.names != self._names:
            self._take_names(command)
        if not np.isfinite(command.positions).all():
            text = "a commanded position is not finite"
            self._add(Kind.COMMAND_OUTSIDE_LIMITS, command, text)
            return
        positions = command.positions[:, self._columns]
        self._find_outside(command, positions)
        if self._previous is not None:
            self._find_fast(command, self._previous)
        self._previous = command
        self._newest[self._places] = positions[0]

    def _take_names(self, command: Joints) -> None:
        """Find the robot's joints among those that are named."""
        mine = [name for name in self._robot.joint_names if name in command.names]
        problem = names_problem(command.names, self._expected or mine)
        if problem is not None:
            kind, value, text = problem
            self._add(kind, command, text, value)
        self._names = command.names
        self._places = np.array([self._robot.joint_names.index(name) for name in mine], dtype=int)
        self._columns = np.array([command.names.index(name) for name in mine], dtype=int)
        self._previous = None

    def _find_outside(self, command: Joints, positions: np.ndarray) -> None:
        lower, upper = self._limits.lower[self._places], self._limits.upper[self._places]
        beyond = np.maximum(lower - positions, positions - upper).max(axis=0)
        for column in np.flatnonzero(beyond > _ROUNDING):
            name = self._robot.joint_names[self._places[column]]
            text = (
                f"{name} is commanded {beyond[column]:.3f} beyond its limits "
                f"{lower[column]:.3f} to {upper[column]:.3f}"
            )
            self._add(Kind.COMMAND_OUTSIDE_LIMITS, command, text, beyond[column], name)

    def _find_fast(self, command: Joints, previous: Joints) -> None:
        step_s = command.seconds_since(previous)
        limit = self._limits.velocity[self._places]
        step = np.abs(command.positions[0] - previous.positions[0])[self._columns]
        for column in np.flatnonzero(step > _TOO_FAST * limit * step_s + _STEP):
            name = self._robot.joint_names[self._places[column]]
            speed = step[column] / step_s
            text = (
                f"{name} is commanded to move by {step[column]:.3f} within {step_s:.3f} s, "
                f"{speed / limit[column]:.1f} times its velocity limit"
            )
            self._add(Kind.COMMAND_TOO_FAST, command, text, speed, name)

    def _add(
        self, kind: Kind, command: Joints, text: str, value: float | None = None, joint: str = ""
    ) -> None:
        self._findings.add(kind, command.topic, command.log_ns, text, value, subject=joint)
