"""What the bench says of a takeover is what the ticks and the commands tell."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.command.processor_watch import Absence
from vla_core.experiments.handover.takeover_record import (
    SentCommand,
    Tick,
    judge_takeover,
    largest_steps,
    summarise,
)
from vla_core.robot.joint_limits import JointLimits
from vla_core.types import ControlMode

MS, PERIOD_S = 1_000_000, 0.005
ONES = np.ones(2)
LIMITS = JointLimits(("x", "y"), -9 * ONES, 9 * ONES, 2 * ONES, 10 * ONES, 100 * ONES)


def commands(positions: np.ndarray, first: int = 0) -> list[SentCommand]:
    return [
        SentCommand((first + k) * 5 * MS, np.array([position, 0.0]))
        for k, position in enumerate(positions)
    ]


def test_steps_are_shares_of_what_limits_allow_in_a_tick():
    time_s = np.arange(20) * PERIOD_S
    steps, joints, missed = largest_steps(commands(0.5 * 5.0 * time_s**2), LIMITS, PERIOD_S)
    assert steps[1] == pytest.approx(0.5) and steps[2] == pytest.approx(0.0, abs=1e-4)
    assert steps[0] == pytest.approx(5.0 * time_s[-1] / 2, rel=0.05)
    assert joints[:2] == ("x", "x") and missed == 0


def test_a_jump_is_seen_and_a_gap_is_counted_instead():
    jump = np.array([0.0] * 5 + [0.1] * 5)
    assert largest_steps(commands(jump), LIMITS, PERIOD_S)[0][0] == pytest.approx(10.0)
    late = commands(jump[:5]) + commands(jump[5:], first=9)
    steps, _, missed = largest_steps(late, LIMITS, PERIOD_S)
    assert steps == (0.0, 0.0, 0.0) and missed == 1


def tick(number: int, mode: ControlMode, chunk: int = 0) -> Tick:
    return Tick(number * 5 * MS, number, mode, chunk, np.full(2, 0.4), np.full(2, 0.3))


def test_a_takeover_is_timed_in_ticks_and_in_time():
    policy, blend, teleop = ControlMode.POLICY, ControlMode.BLEND, ControlMode.TELEOP
    modes = [policy] * 4 + [blend] * 6 + [teleop] * 10 + [blend] * 10 + [policy] * 5
    ticks = [tick(k, mode, chunk=7 if mode is policy else 0) for k, mode in enumerate(modes)]
    sent = commands(np.zeros(len(modes)))
    found = judge_takeover(13 * MS, 98 * MS, 1.5, ticks, sent, LIMITS, PERIOD_S, [])
    assert (found.ticks_to_operator, found.ms_to_operator) == (2, 7.0)
    assert (found.ms_to_joined, found.ms_to_policy) == (37.0, 52.0)
    assert (found.off, found.speed, found.held_s) == (0.4, 0.3, 0.085)
    lost = judge_takeover(13 * MS, 98 * MS, 1.5, ticks[:4], sent[:4], LIMITS, PERIOD_S, None)
    assert lost.ticks_to_operator is None and lost.ms_to_policy is None
    both = summarise([found, lost], [True, True], [True, False])
    assert both["within_two_ticks"] == 1 and both["ms_to_policy"]["missing"] == 1
    assert (both["undisturbed"]["rate"], both["disturbed"]["rate"]) == (1.0, 0.5)
    assert (both["beside_undisturbed"]["lost"], both["beside_undisturbed"]["difference"]) == (1, -0.5)


@pytest.mark.parametrize(
    ("absences", "away_ms", "late"),
    [
        (None, None, None),
        ([], 0.0, 0),
        ([Absence(2 * MS, 13 * MS), Absence(23 * MS, 30 * MS)], 0.0, 0),
        ([Absence(11 * MS, 14 * MS), Absence(16 * MS, 18 * MS)], 2.0, 1),
        ([Absence(20 * MS, 90 * MS)], 3.0, 1),
    ],
    ids=["not watched", "none", "before and after", "the longest", "for the rest of it"],
)
def test_what_a_processor_was_away_in_the_two_periods_after_a_press(absences, away_ms, late):
    ticks = [tick(k, ControlMode.POLICY if k < 6 else ControlMode.BLEND) for k in range(9)]
    found = judge_takeover(
        13 * MS, 40 * MS, 1.5, ticks, commands(np.zeros(9)), LIMITS, PERIOD_S, absences
    )
    assert not found.in_time and found.away_ms == away_ms
    every = summarise([found], [], [])
    assert every["late_while_a_processor_was_away"] == late
    assert every["in_time_while_a_processor_was_away"] == 0
