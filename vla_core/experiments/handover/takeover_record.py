"""One takeover and return, as the commands on the wire and the ticks' reports tell it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from vla_core.command.processor_watch import Absence
from vla_core.robot.joint_limits import JointLimits
from vla_core.statistics.paired import compare_paired
from vla_core.statistics.quantiles import quantiles
from vla_core.statistics.success_rate import SuccessRate
from vla_core.types import NANOSECONDS, ControlMode

ORDERS = ("position", "velocity", "acceleration")
_OPERATOR = (ControlMode.BLEND, ControlMode.TELEOP)
#: The operator is to be followed within so many.
_TICKS_ALLOWED = 2


class Tick(NamedTuple):
    """What a tick of the command node reported.

    Attributes:
        stamp_ns: its time [ns].
        number: counts ticks.
        mode: in force.
        chunk: sequence of the chunk that is followed; 0: none.
        requested, velocity: `(dof,)` asked for [rad], and of the command [rad/s].
    """

    stamp_ns: int
    number: int
    mode: ControlMode
    chunk: int
    requested: np.ndarray
    velocity: np.ndarray


class SentCommand(NamedTuple):
    """A command as the robot got it: nominal time [ns], `(dof,)` position [rad]."""

    stamp_ns: int
    position: np.ndarray


@dataclass(frozen=True)
class TakeoverRecord:
    """A takeover.

    Attributes:
        after_s: time under the policy before the press [s].
        held_s: how long the deadman was held [s].
        off: how far the farthest joint was from the leader at the press [rad].
        speed: fastest joint of the command at the press [rad/s].
        ticks_to_operator, ms_to_operator: from the press to the first tick that follows the
            operator; the next tick is number 1.
        ms_to_joined: from the press to TELEOP; None where the operator let go before.
        ms_to_policy: from the release to the first tick that follows the policy; None: none did.
        steps: largest change of position, velocity, acceleration from one tick to the next, as a
            share of what limits allow in one.
        step_joints: whose they are.
        missed: ticks whose command did not come a period after the one before; not judged.
        away_ms: longest that the machine kept a processor to itself in the two periods after the
            press; 0: not for a millisecond; None: not known.
    """

    after_s: float
    held_s: float
    off: float
    speed: float
    ticks_to_operator: int | None
    ms_to_operator: float | None
    ms_to_joined: float | None
    ms_to_policy: float | None
    steps: tuple[float, float, float]
    step_joints: tuple[str, str, str]
    missed: int
    away_ms: float | None

    @property
    def in_time(self) -> bool:
        """Whether the operator was followed within two ticks."""
        return self.ticks_to_operator is not None and self.ticks_to_operator <= _TICKS_ALLOWED

    def row(self) -> dict[str, Any]:
        """For JSON."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def judge_takeover(
    press_ns: int,
    release_ns: int,
    after_s: float,
    ticks: Sequence[Tick],
    sent: Sequence[SentCommand],
    limits: JointLimits,
    period_s: float,
    absences: Sequence[Absence] | None,
) -> TakeoverRecord:
    """Find out what happened.

    Args:
        press_ns, release_ns: when the deadman said so, on the clock of the ticks.
        ticks, sent: from shortly before the press to shortly after the return.
        limits, period_s: of the command node.
        absences: of processors, if they were watched.
    """
    since = [tick for tick in ticks if tick.stamp_ns > press_ns]
    taken = next((k for k, tick in enumerate(since) if tick.mode in _OPERATOR), None)
    joined = _first_ms(since, press_ns, lambda tick: tick.mode is ControlMode.TELEOP)
    back = [tick for tick in ticks if tick.stamp_ns > release_ns]
    policy = _first_ms(
        back, release_ns, lambda tick: tick.mode is ControlMode.POLICY and tick.chunk > 0
    )
    steps, joints, missed = largest_steps(sent, limits, period_s)
    off = speed = 0.0
    if taken is not None and len(sent):
        first = since[taken]
        at = min(sent, key=lambda command: abs(command.stamp_ns - first.stamp_ns))
        off = float(np.abs(first.requested - at.position).max())
        speed = float(np.abs(first.velocity).max())
    return TakeoverRecord(
        after_s=round(after_s, 3),
        held_s=round((release_ns - press_ns) / NANOSECONDS, 3),
        off=round(off, 4),
        speed=round(speed, 4),
        ticks_to_operator=None if taken is None else taken + 1,
        ms_to_operator=None if taken is None else _ms(since[taken].stamp_ns - press_ns),
        ms_to_joined=joined,
        ms_to_policy=policy,
        steps=steps,
        step_joints=joints,
        missed=missed,
        away_ms=_longest_ms(absences, press_ns, _TICKS_ALLOWED * period_s),
    )


def largest_steps(
    sent: Sequence[SentCommand], limits: JointLimits, period_s: float
) -> tuple[tuple[float, float, float], tuple[str, str, str], int]:
    """Largest steps as shares of velocity * T, acceleration * T, jerk * T; whose; gaps.

    By finite differences of the positions that were sent, where each came a period after the one
    before.
    """
    stamps = np.array([command.stamp_ns for command in sent])
    gaps = np.abs(np.diff(stamps) - round(period_s * NANOSECONDS)) > 1000
    values = np.array([command.position for command in sent])
    shares, joints = [], []
    for order, bound in enumerate((limits.velocity, limits.acceleration, limits.jerk), start=1):
        values = np.diff(values, axis=0) / period_s
        whole = ~np.array([gaps[k : k + order].any() for k in range(len(values))], dtype=bool)
        share = np.abs(values[whole]) / bound
        if not len(share):
            shares.append(0.0)
            joints.append("")
            continue
        worst = np.unravel_index(np.argmax(share), share.shape)
        shares.append(round(float(share[worst]), 5))
        joints.append(limits.names[worst[1]])
    return tuple(shares), tuple(joints), int(gaps.sum())


def summarise(
    takeovers: Sequence[TakeoverRecord], undisturbed: Sequence[bool], disturbed: Sequence[bool]
) -> dict[str, Any]:
    """All takeovers in one, and what they cost the task.

    Args:
        takeovers: of the whole run.
        undisturbed, disturbed: whether the same tables were done without takeovers, and with.
    """
    found: dict[str, Any] = {"takeovers": len(takeovers)}
    for name, rows in (("undisturbed", undisturbed), ("disturbed", disturbed)):
        if rows:
            rate = SuccessRate.of(rows)
            found[name] = {
                "successes": rate.successes,
                "trials": rate.trials,
                "rate": round(rate.rate, 4),
                "ci95": [round(bound, 4) for bound in rate.ci95],
            }
    if disturbed:
        found["beside_undisturbed"] = compare_paired(undisturbed, disturbed)._asdict()
    for name in ("ticks_to_operator", "ms_to_operator", "ms_to_joined", "ms_to_policy"):
        values = [getattr(record, name) for record in takeovers]
        found[name] = quantiles([value for value in values if value is not None])
        found[name]["missing"] = values.count(None)
    found["within_two_ticks"] = sum(record.in_time for record in takeovers)
    for name, in_time in (("in_time", True), ("late", False)):
        away = [record.away_ms for record in takeovers if record.in_time is in_time]
        known = None not in away
        found[f"{name}_while_a_processor_was_away"] = sum(map(bool, away)) if known else None
    for place, name in enumerate(ORDERS):
        found[f"largest_{name}_step"] = max(
            (record.steps[place] for record in takeovers), default=0.0
        )
    found["missed_ticks"] = sum(record.missed for record in takeovers)
    return found


def _first_ms(ticks: Sequence[Tick], since_ns: int, holds) -> float | None:
    return next((_ms(tick.stamp_ns - since_ns) for tick in ticks if holds(tick)), None)


def _longest_ms(
    absences: Sequence[Absence] | None, begin_ns: int, within_s: float
) -> float | None:
    if absences is None:
        return None
    end_ns = begin_ns + round(within_s * NANOSECONDS)
    spans = [min(gone.end_ns, end_ns) - max(gone.begin_ns, begin_ns) for gone in absences]
    return _ms(max([0, *spans]))


def _ms(time_ns: int) -> float:
    return round(time_ns / 1e6, 2)
