"""Where somebody else commands the robot, too, it is brought to rest and not moved any more."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.command.other_commander import OtherCommander
from vla_core.handover.modes import TRANSITIONS, Condition
from vla_core.types import ControlMode

OTHER = OtherCommander("/teleop_script", "/right_arm/command")
SAID = "/teleop_script publishes /right_arm/command and so commands this robot, too; stop it first"


def ramp(start: np.ndarray) -> np.ndarray:
    return start + 0.08 * np.arange(16)[:, None] * np.array([1.0, -1.0])


def test_it_stops_the_policy_inside_the_limits_and_says_who_it_is(bench, names_of):
    bench.start_policy()
    bench.push(ramp(bench.measured))
    assert abs(bench.tick(40).velocity).max() > 0.2
    bench.core.on_other_commander(OTHER)
    command = bench.tick()
    assert bench.core.mode is ControlMode.STOPPING and bench.core.mode_reason == SAID
    (said,) = [c for c in command.status.constraints if c.name == "other_commander"]
    assert said.subject == OTHER.topic
    bench.tick(100)
    assert bench.core.mode is ControlMode.HOLD and SAID in bench.core.mode_reason
    jerk = np.diff(bench.positions(), n=3, axis=0) / 0.005**3
    assert abs(jerk).max() <= bench.limits.jerk.max() * 1.01


def test_the_command_stays_where_it_is_as_long_as_the_other_is_there(bench):
    bench.start_policy()
    bench.core.on_other_commander(OTHER)
    there = bench.tick(100).position
    answer = bench.core.request_mode(ControlMode.POLICY, bench.now_ns)
    assert not answer.accepted and answer.reason == f"POLICY refused: {SAID}"
    bench.push(ramp(bench.measured))
    np.testing.assert_array_equal(bench.tick(40).position, there)
    bench.core.on_other_commander(None)
    assert bench.core.request_mode(ControlMode.POLICY, bench.now_ns).accepted
    bench.push(ramp(bench.measured))
    assert abs(bench.tick(40).position - there).max() > 0.02


def test_no_way_to_the_ready_pose_is_gone_and_one_that_is_gone_is_dropped(bench):
    bench.tick()
    assert bench.core.request_mode(ControlMode.HOLD, bench.now_ns).accepted
    bench.tick()
    way = bench.chunk(ramp(bench.measured), step_s=0.1)
    assert bench.core.on_ready_chunk(way, bench.now_ns) == ""
    assert abs(bench.tick(20).velocity).max() > 0.1
    bench.core.on_other_commander(OTHER)
    assert bench.tick().dropped == (f"ready motion: dropped, {SAID}",)
    there = bench.tick(100).position
    refused = bench.core.on_ready_chunk(bench.chunk(ramp(there)), bench.now_ns)
    assert refused == f"ready motion: refused, {SAID}"


@pytest.mark.parametrize("row", TRANSITIONS, ids=lambda row: f"{row.start.name}-{row.trigger.name}")
def test_what_begins_to_command_needs_to_be_alone_and_what_ends_it_never_does(row):
    still = (ControlMode.IDLE, ControlMode.STOPPING, ControlMode.ESTOP)
    asked = isinstance(row.trigger, ControlMode) or row.enters is ControlMode.HOLD
    begins = asked and row.start in (
        ControlMode.IDLE, ControlMode.HOLD, ControlMode.ESTOP
    ) and row.enters not in still  # fmt: skip
    if begins:
        assert Condition.ALONE in row.conditions
    if row.enters in still:
        assert Condition.ALONE not in row.conditions


def test_it_is_named_before_anything_is_commanded(bench):
    bench.core.on_other_commander(OTHER)
    bench.tick()
    answer = bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    assert not answer.accepted and answer.reason == f"HOLD refused: {SAID}"
    bench.core.estop("pressed", bench.now_ns)  # always open
    assert bench.core.mode is ControlMode.ESTOP
