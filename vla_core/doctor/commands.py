"""Are the commands for this robot, in its order, and inside its limits?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vla_core.doctor.contract import limits_of
from vla_core.doctor.events import Joints
from vla_core.doctor.finding import Findings, Kind
from vla_core.doctor.joints import names_problem
from vla_core.recordings.sources.commanded_joints import CommandedJoints
from vla_core.robot.description import RobotDescription

#: Rounding of 32-bit numbers.
_ROUNDING = 1e-3
#: Faster than so many times the velocity limit, and by so much more, in one step. A person's hand
#: commands up to 1.3 times the limit in 63 real episodes.
_TOO_FAST, _STEP = 2.0, 0.02


def find_missing_commands(
    robot: RobotDescription,
    commanded: CommandedJoints,
    findings: Findings,
    start_ns: int,
    end_ns: int,
) -> None:
    """Joints that nothing in the recording commands, by group: there is no action to learn."""
    bare = ~commanded.known
    for group, names in robot.groups.items():
        missing = [j.name for j, no in zip(robot.joints, bare, strict=True) if no and j.name in names]
        if missing:
            what = "it" if len(missing) == len(names) else ", ".join(missing)
            text = (
                f"no command of {what} was recorded: a conversion has to be told so "
                f"(--no-commands {group}), and a replay compares with where the joints were"
            )
            findings.add(Kind.COMMANDS_MISSING, group, end_ns, text, len(missing), since_ns=start_ns)


class CommandChecks:
    """Looks at the commands of one topic.

    Args:
        expected: joints that its commands are for, in order; empty: those that it names.
        commanded: told every command.
    """

    def __init__(
        self,
        robot: RobotDescription,
        expected: Sequence[str],
        commanded: CommandedJoints,
        findings: Findings,
    ) -> None:
        self._robot = robot
        self._expected = expected
        self._commanded = commanded
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
        start_ns = command.log_ns if command.stamp_ns is None else command.stamp_ns
        self._commanded.take(self._places, start_ns + command.after_ns, positions)

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
        for column in np.flatnonzero(beyond > _ROUNDING * self._limits.per_radian[self._places]):
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
        slack = _STEP * self._limits.per_radian[self._places]
        for column in np.flatnonzero(step > _TOO_FAST * limit * step_s + slack):
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
