"""The transition table says what the design says, and the page shows this table."""

from pathlib import Path

import pytest

from vla_core.handover.diagram import mermaid, table
from vla_core.handover.modes import (
    TRANSITIONS,
    Act,
    Condition,
    ModeEvent,
    Transition,
    find_transition,
    follows,
)
from vla_core.types import ControlMode

PAGE = Path(__file__).resolve().parents[2] / "docs" / "modes.md"


@pytest.mark.parametrize("mode", list(ControlMode))
def test_estop_is_reachable_from_every_mode_without_conditions(mode):
    assert find_transition(mode, ControlMode.ESTOP) == Transition(
        mode, ControlMode.ESTOP, ControlMode.ESTOP
    )


def test_estop_is_left_only_by_its_reset_to_hold():
    (out,) = [
        row for row in TRANSITIONS if ControlMode.ESTOP is row.start is not row.enters
    ]
    assert out.trigger is Act.RESET and out.enters is ControlMode.HOLD
    assert out.conditions >= {
        Condition.STANDING_STILL,
        Condition.JOINT_STATE_FRESH,
        Condition.START_POSSIBLE,
        Condition.ESTOP_RELEASED,
    }


@pytest.mark.parametrize("event", list(ModeEvent))
def test_no_event_leads_out_of_estop(event):
    assert follows(ControlMode.ESTOP, event) is None


@pytest.mark.parametrize("mode", [mode for mode in ControlMode if mode is not ControlMode.ESTOP])
def test_no_mode_asked_for_leads_out_of_estop_and_the_refusal_says_how_to_reset(mode):
    answer = find_transition(ControlMode.ESTOP, mode)
    assert isinstance(answer, str)
    assert mode is ControlMode.BLEND or "vla/reset_estop" in answer and "F5" in answer


@pytest.mark.parametrize("mode", [mode for mode in ControlMode if mode is not ControlMode.ESTOP])
def test_where_nothing_is_stopped_nothing_is_reset(mode):
    assert "nothing to reset" in find_transition(mode, Act.RESET)


@pytest.mark.parametrize(
    "mode", [ControlMode.HOLD, ControlMode.POLICY, ControlMode.STOPPING, ControlMode.BLEND]
)
def test_an_operator_takes_over_from_whatever_moves_or_holds_the_robot(mode):
    taken = find_transition(mode, ControlMode.TELEOP)
    assert taken.enters is ControlMode.BLEND and Condition.OPERATOR_HOLDS in taken.conditions


def test_the_policy_goes_on_only_once_the_operator_has_let_go():
    back = find_transition(ControlMode.TELEOP, ControlMode.POLICY)
    assert back.enters is ControlMode.BLEND and Condition.OPERATOR_RELEASED in back.conditions


@pytest.mark.parametrize("mode", [ControlMode.POLICY, ControlMode.BLEND, ControlMode.TELEOP])
def test_what_moves_the_robot_ends_in_a_controlled_stop(mode):
    assert find_transition(mode, ControlMode.HOLD).enters is ControlMode.STOPPING
    assert follows(mode, ModeEvent.LOST).enters is ControlMode.STOPPING


def test_blend_is_not_asked_for():
    assert "comes by itself" in find_transition(ControlMode.HOLD, ControlMode.BLEND)


def test_a_refusal_says_where_the_mode_leads():
    assert find_transition(ControlMode.IDLE, ControlMode.POLICY) == (
        "POLICY cannot follow IDLE; IDLE leads to HOLD, ESTOP"
    )


@pytest.mark.parametrize("mode", [mode for mode in ControlMode if mode is not ControlMode.BLEND])
def test_asking_for_the_mode_in_force_changes_nothing(mode):
    assert find_transition(mode, mode).enters is mode


def test_nothing_is_in_the_table_twice():
    keys = [(row.start, row.trigger) for row in TRANSITIONS]
    assert len(set(keys)) == len(keys)


def test_the_page_draws_this_table():
    page = PAGE.read_text()
    assert f"```mermaid\n{mermaid()}\n```" in page
    assert table() in page
