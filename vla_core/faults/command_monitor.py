"""Judges commands as they reached the robot, by code of its own: it shares none with the limiter.

A command node that ticks every period T sends where each joint has to be one period later, and the
stop that follows. Between ticks it may be late, and messages may be lost, so the positions lie on a
grid of whole periods with gaps. For a motion x whose derivatives are bounded, the divided
differences on any such grid are bounded alike, since they are means of the derivative
(Curry & Schoenberg 1966, "On Polya frequency functions IV"):

    k! x[t_0, …, t_k] = mean of the k-th derivative, weighted by a B-spline that integrates to one.

So what exceeds a limit here did break it somewhere; no tolerance is needed but for rounding. Stamps
are nominal, without the loop's jitter; of a node whose stamps carry it the grid's phase is not on
the wire, so the one is taken that explains the commands best.

What the robot follows is the newest trajectory that was not over when it came, its stop included,
and it goes on along that whatever becomes of its clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from vla_core.robot.joint_limits import JointLimits
from vla_core.types import NANOSECONDS

#: Rounding of velocities, accelerations and jerks, relative to their limit.
_SLACK = 0.01
#: Rounding of positions [rad].
_POSITION_SLACK = 1e-6
#: Largest step where the command starts anew from the measured position [rad].
RESTART_STEP = 0.1
#: How well the robot's clock is known at this side [s].
_UNCERTAIN_S = 0.02
#: Phases of the grid that are tried at once, and how many of the best are looked at more closely.
_PHASES, _KEPT = 40, 3
_ORDERS = ("velocity", "acceleration", "jerk")


@dataclass(frozen=True, eq=False)
class ArrivedCommand:
    """One message to the robot.

    Attributes:
        arrived_ns: when it reached the robot's side, on this machine's clock, never set [ns].
        robot_ns: the same on the robot's clock, which stamps are compared with [ns].
        stamp_ns: what its times count from [ns].
        time_s: `(points,)` [s].
        position: `(points, dof)` in canonical order [rad].
    """

    arrived_ns: int
    robot_ns: int
    stamp_ns: int
    time_s: np.ndarray
    position: np.ndarray

    @property
    def end_ns(self) -> int:
        """When its last point is due [ns]."""
        return self.stamp_ns + round(self.time_s[-1] * NANOSECONDS)

    @property
    def is_over(self) -> bool:
        """Whether it is a trajectory that had ended when it came: controllers refuse it."""
        return len(self.time_s) > 1 and self.end_ns < self.robot_ns

    def at(self, time_s: float) -> np.ndarray:
        """`(dof,)` position at a time since its stamp, as a controller interpolates [rad]."""
        return np.array([np.interp(time_s, self.time_s, joint) for joint in self.position.T])


class Emergency(NamedTuple):
    """An emergency stop, whose jerk is not limited: from and to which stamps [ns]."""

    start_ns: int
    end_ns: int

    def touches(self, first_ns: np.ndarray, last_ns: np.ndarray) -> np.ndarray:
        """Which of the spans from `first_ns` to `last_ns` it falls in."""
        return (last_ns >= self.start_ns) & (first_ns <= self.end_ns)


@dataclass(frozen=True)
class Violation:
    """A command outside a limit.

    Attributes:
        limit: `finite`, `position`, `velocity`, `acceleration`, `jerk`, or `step` for a position
            that the command before it does not lead to.
        joint: which.
        amount, allowed: in the limit's unit.
        arrived_ns: when [ns].
        pause_s: of a step: for how long no command had come [s].
    """

    limit: str
    joint: str
    amount: float
    allowed: float
    arrived_ns: int
    pause_s: float = 0.0

    def __str__(self) -> str:
        text = f"{self.limit} of {self.joint}: {self.amount:.4g}, allowed {self.allowed:.4g}"
        return f"{text}, after {self.pause_s:.3f} s without a command" if self.pause_s else text


def check_commands(
    commands: Iterable[ArrivedCommand],
    limits: JointLimits,
    period_s: float,
    emergencies: Sequence[Emergency] = (),
) -> list[Violation]:
    """The worst violation of each limit, in each stretch of motion.

    Args:
        commands: in the order of arrival.
        limits: of the robot's description.
        period_s: of the command node [s].
        emergencies: stops whose jerk is not limited.
    """
    found, finite = [], []
    for command in commands:
        good = np.isfinite(command.position)
        if good.all():
            finite.append(command)
        else:
            name = limits.names[int(np.argmin(good.all(axis=0)))]
            found.append(Violation("finite", name, np.nan, 0.0, command.arrived_ns))
    found += _outside_position(finite, limits)
    found += _along_stops(finite, limits, emergencies)
    followed = [command for command in finite if not command.is_over]
    for stretch in _stretches(followed, period_s):
        found += _along_commands(stretch, limits, period_s, emergencies)
    found += _steps(followed, limits, period_s)
    return found


def _outside_position(commands: Sequence[ArrivedCommand], limits: JointLimits) -> list[Violation]:
    worst, found = _POSITION_SLACK, []
    for command in commands:
        for bound, over in (
            (limits.lower, limits.lower - command.position),
            (limits.upper, command.position - limits.upper),
        ):
            row, column = np.unravel_index(np.argmax(over), over.shape)
            if over[row, column] > worst:
                worst = over[row, column]
                value = float(command.position[row, column])
                name, allowed = limits.names[column], float(bound[column])
                found = [Violation("position", name, value, allowed, command.arrived_ns)]
    return found


def _stretches(commands: Sequence[ArrivedCommand], period_s: float) -> list[list[ArrivedCommand]]:
    """Commands that follow each other before the robot has come to the end of the one before."""
    # A robot at rest is told a stop of one point, which ends when the next command is due.
    late_ns = round(2 * period_s * NANOSECONDS)
    stretches: list[list[ArrivedCommand]] = []
    for command in commands:
        last = stretches[-1][-1] if stretches else None
        if last is not None and last.stamp_ns <= command.stamp_ns <= last.end_ns + late_ns:
            stretches[-1].append(command)
        else:
            stretches.append([command])
    return stretches


def _along_commands(
    stretch: Sequence[ArrivedCommand],
    limits: JointLimits,
    period_s: float,
    emergencies: Sequence[Emergency],
) -> list[Violation]:
    """The first points of a stretch, on the grid whose phase explains them best."""
    stamps_ns = np.array([command.stamp_ns for command in stretch])
    position = np.array([command.position[0] for command in stretch])
    period_ns = round(period_s * NANOSECONDS)

    def judged(phase_ns: int) -> tuple[int, np.ndarray, list[np.ndarray]]:
        ticks = (stamps_ns - stamps_ns[0] - phase_ns + period_ns // 2) // period_ns
        kept = np.flatnonzero(np.diff(ticks, append=ticks[-1] + 1) > 0)
        ratios = _ratios(ticks[kept] * period_s, position[kept], limits)
        _exempt(ratios[2], stamps_ns[kept], emergencies, period_ns)
        return sum(int((ratio > 1.0 + _SLACK).sum()) for ratio in ratios), kept, ratios

    tried = {0: judged(0)}
    width_ns = period_ns
    while width_ns >= _PHASES:
        for centre_ns in sorted(tried, key=lambda phase_ns: tried[phase_ns][0])[:_KEPT]:
            for number in range(-_PHASES // 2, _PHASES // 2 + 1):
                phase_ns = centre_ns + number * width_ns // _PHASES
                if phase_ns not in tried:
                    tried[phase_ns] = judged(phase_ns)
                if tried[phase_ns][0] == 0:
                    return []
        width_ns //= _PHASES
    _, kept, ratios = min(tried.values(), key=lambda choice: choice[0])
    return _worst(ratios, limits, [stretch[index].arrived_ns for index in kept])


def _along_stops(
    commands: Sequence[ArrivedCommand], limits: JointLimits, emergencies: Sequence[Emergency]
) -> list[Violation]:
    """The points of every message: the command and the stop after it."""
    worst: dict[str, Violation] = {}
    for command in commands:
        ratios = _ratios(command.time_s, command.position, limits)
        stamps_ns = np.full(len(command.time_s), command.stamp_ns)
        _exempt(ratios[2], stamps_ns, emergencies, round(command.time_s[0] * NANOSECONDS))
        for violation in _worst(ratios, limits, [command.arrived_ns] * len(command.time_s)):
            before = worst.get(violation.limit)
            if before is None or violation.amount > before.amount:
                worst[violation.limit] = violation
    return list(worst.values())


def _ratios(time_s: np.ndarray, position: np.ndarray, limits: JointLimits) -> list[np.ndarray]:
    """`|k! x[t_0 … t_k]|` over its limit, `(n - k, dof)` for k = 1, 2, 3."""
    differences, ratios = position, []
    for order, bound in enumerate((limits.velocity, limits.acceleration, limits.jerk), start=1):
        span_s = (time_s[order:] - time_s[:-order])[:, None]
        differences = order * np.diff(differences, axis=0) / span_s
        ratios.append(np.abs(differences) / bound)
    return ratios


def _exempt(
    jerk: np.ndarray, stamps_ns: np.ndarray, emergencies: Sequence[Emergency], around_ns: int
) -> None:
    """Take the jerk of emergency stops out, and of what begins and ends them."""
    first_ns, last_ns = stamps_ns[: len(jerk)], stamps_ns[len(stamps_ns) - len(jerk) :]
    for start_ns, end_ns in emergencies:
        wide = Emergency(start_ns - around_ns, end_ns + around_ns)
        jerk[wide.touches(first_ns, last_ns)] = 0.0


def _worst(
    ratios: Sequence[np.ndarray], limits: JointLimits, arrived_ns: Sequence[int]
) -> list[Violation]:
    """The worst entry of each order, where it is outside."""
    found = []
    for order, (name, ratio) in enumerate(zip(_ORDERS, ratios, strict=True), start=1):
        if ratio.max(initial=0.0) <= 1.0 + _SLACK:
            continue
        row, column = np.unravel_index(np.argmax(ratio), ratio.shape)
        allowed = float(getattr(limits, name)[column])
        amount = float(ratio[row, column]) * allowed
        found.append(
            Violation(name, limits.names[column], amount, allowed, arrived_ns[row + order])
        )
    return found


def _steps(
    commands: Sequence[ArrivedCommand], limits: JointLimits, period_s: float
) -> list[Violation]:
    """The largest step between two messages, from where the first one led the robot.

    After a pause t the command may differ from that by a change of motion, A t^2 at most, and it
    starts anew within `RESTART_STEP`. Both by the stamps, and in real time whatever they say: the
    robot goes on along a trajectory that it has, and is moved at once by one that comes.
    """
    worst: list[Violation] = []
    for before, after in pairwise(commands):
        spacing_s = np.diff(before.time_s).max(initial=0.0)
        off_the_line = limits.acceleration * spacing_s**2 / 8  # between two points of the stop
        for step in _between(before, after):
            pause_s = max(step.pause_s, 2 * period_s)
            off_the_grid = limits.velocity * (2 * period_s + step.uncertain_s)
            allowed = off_the_grid + off_the_line + limits.acceleration * pause_s**2
            over = np.abs(step.told - step.led_to)
            most_of_all = np.minimum(allowed, RESTART_STEP * limits.per_radian)
            column = int(np.argmax(over / most_of_all))
            amount, most = float(over[column]), float(most_of_all[column])
            if amount > most and (not worst or amount / most > worst[0].amount / worst[0].allowed):
                name = limits.names[column]
                silent_s = (after.arrived_ns - before.arrived_ns) / NANOSECONDS
                worst = [Violation("step", name, amount, most, after.arrived_ns, silent_s)]
    return worst


class _Step(NamedTuple):
    """From where a trajectory led, `(dof,)` [rad], to where the next one tells the robot to be.

    After a pause [s], by a time that is known to within `uncertain_s`.
    """

    pause_s: float
    led_to: np.ndarray
    told: np.ndarray
    uncertain_s: float


def _between(before: ArrivedCommand, after: ArrivedCommand) -> list[_Step]:
    """The step in real time and, unless the robot's clock was set in between, by the stamps."""
    real_s = max(0, after.arrived_ns - before.arrived_ns) / NANOSECONDS
    ages_s = [(command.robot_ns - command.stamp_ns) / NANOSECONDS for command in (before, after)]
    steps = [_Step(real_s, before.at(ages_s[0] + real_s), after.at(ages_s[1]), _UNCERTAIN_S)]
    if abs((after.robot_ns - before.robot_ns) / NANOSECONDS - real_s) < _UNCERTAIN_S:
        nominal_s = (after.stamp_ns - before.stamp_ns) / NANOSECONDS
        led_to = before.at(nominal_s + after.time_s[0])
        steps.append(_Step(nominal_s, led_to, after.position[0], 0.0))
    return steps
