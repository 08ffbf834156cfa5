"""The transition table says what the design says."""

import pytest

from vla_core.handover.modes import TRANSITIONS, Condition, Transition, find_transition
from vla_core.types import ControlMode


@pytest.mark.parametrize("mode", list(ControlMode))
def test_estop_is_reachable_from_every_mode_without_conditions(mode):
    assert find_transition(mode, ControlMode.ESTOP) == Transition(ControlMode.ESTOP)


def test_estop_is_left_only_to_hold_and_only_at_standstill():
    ways_out = [to for start, to in TRANSITIONS if start == ControlMode.ESTOP]
    assert set(ways_out) == {ControlMode.HOLD, ControlMode.ESTOP}
    assert Condition.STANDING_STILL in TRANSITIONS[ControlMode.ESTOP, ControlMode.HOLD].conditions


@pytest.mark.parametrize("asked", [ControlMode.TELEOP, ControlMode.BLEND])
def test_modes_without_a_source_refuse_with_a_reason(asked):
    assert "not available" in find_transition(ControlMode.HOLD, asked)


def test_a_refusal_says_where_the_mode_leads():
    assert find_transition(ControlMode.IDLE, ControlMode.POLICY) == (
        "POLICY cannot follow IDLE; IDLE leads to HOLD, ESTOP"
    )


def test_leaving_the_policy_passes_a_controlled_stop():
    assert find_transition(ControlMode.POLICY, ControlMode.HOLD).enters == ControlMode.STOPPING


@pytest.mark.parametrize("mode", list(ControlMode))
def test_asking_for_the_mode_in_force_changes_nothing(mode):
    assert find_transition(mode, mode).enters == mode
