"""An operator takes over and gives back, as the operator, the policy and the robot see it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from point_hand import MS, PointBench, assert_inside_limits, eased, line

from vla_core.handover.settings import HandoverSettings, Release, Takeover
from vla_core.safety.freshness import AgeLimit, FreshnessLimits, Response
from vla_core.types import ControlMode

AWAY = np.array([-0.4, -0.3])
MATCHED = HandoverSettings(takeover=Takeover.MATCHED)


def under_policy(
    settings: HandoverSettings = HandoverSettings(), ticks: int = 60, **given
) -> PointBench:
    """The policy moves the hand along x; the operator has been heard, and holds nothing."""
    bench = PointBench(handover=settings, **given)
    bench.start()
    assert bench.operate(AWAY, held=False) == ""
    for _ in range(ticks):
        if len(bench.commands) % 20 == 1:
            bench.push(line(bench.measured, bench.measured + [0.4, 0.0], 9))
        bench.tick()
    assert np.abs(bench.commands[-1].velocity).max() > 0.2
    return bench


def guide(
    bench: PointBench, way: Callable[[float], np.ndarray], seconds: float, every: int = 2
) -> None:
    """The operator holds the deadman and moves along `way` of the time since now [s]."""
    for tick in range(round(seconds / 0.005)):
        if tick % every == 0:
            assert bench.operate(way(tick * 0.005)) == ""
        bench.tick()


def stay(position) -> Callable[[float], np.ndarray]:
    return lambda _: np.asarray(position)


def constraints(bench: PointBench) -> dict[str, float]:
    return {c.name: c.amount for c in bench.commands[-1].status.constraints}


def test_the_tick_after_the_press_follows_the_operator():
    bench = under_policy()
    before = bench.commands[-1]
    bench.operate(AWAY)
    command = bench.tick()
    assert command.status.mode is ControlMode.BLEND
    assert command.status.requested.tolist() == AWAY.tolist()
    assert command.acceleration[0] < before.acceleration[0]


def test_the_command_comes_to_the_operator_within_limits_and_speeds():
    bench = under_policy()
    guide(bench, stay(AWAY), 3.0)
    assert bench.core.mode is ControlMode.TELEOP
    assert bench.commands[-1].position == pytest.approx(AWAY, abs=1e-3)
    assert_inside_limits(bench.positions(), bench.limits)


def test_on_the_way_to_the_operator_the_hand_is_as_slow_as_the_yaml_says():
    bench = under_policy(HandoverSettings(approach=0.2), hand_speed=1.0)
    guide(bench, stay(AWAY), 0.5)
    at = len(bench.commands)
    guide(bench, stay(AWAY), 1.5)
    speeds = [np.linalg.norm(command.velocity) for command in bench.commands[at:]]
    assert 0.15 < max(speeds) <= 0.2


def test_a_steady_motion_of_the_operator_is_followed_without_lag():
    bench = under_policy()

    def way(time_s: float) -> np.ndarray:
        return AWAY + [0.0, 0.15 * max(0.0, time_s - 2.5)]

    guide(bench, way, 4.0)
    assert bench.commands[-1].position == pytest.approx(way(4.0), abs=0.005)


def test_joints_that_the_operator_does_not_move_come_to_rest_and_stay():
    bench = under_policy()
    for _ in range(300):
        bench.operate(AWAY[1:], names=("y",))
        bench.tick()
    x = bench.positions()[-100:, 0]
    assert bench.core.mode is ControlMode.TELEOP and np.ptp(x) < 1e-3
    assert bench.commands[-1].position[1] == pytest.approx(AWAY[1], abs=1e-3)


def test_matched_stops_until_the_leader_is_where_the_robot_is_and_tells_how_far_it_is():
    bench = under_policy(MATCHED)
    guide(bench, stay(AWAY), 1.0)
    assert bench.core.mode is ControlMode.BLEND and not bench.commands[-1].velocity.any()
    there = bench.commands[-1].position
    away = np.abs(AWAY - there).max()
    assert constraints(bench)["operator_distance"] == pytest.approx(away)
    guide(bench, stay(there + 0.05), 0.5)
    assert bench.core.mode is ControlMode.TELEOP
    assert bench.commands[-1].position == pytest.approx(there + 0.05, abs=0.01)


def test_after_the_release_only_what_was_seen_since_moves_the_robot():
    bench = under_policy()
    guide(bench, stay(AWAY), 3.0)
    bench.push(line(AWAY, AWAY + 0.4))
    bench.operate(AWAY, held=False)
    assert bench.tick().status.mode is ControlMode.BLEND
    bench.push(line(AWAY, AWAY + 0.4), age_ms=50)
    bench.tick(20)
    assert bench.core.mode is ControlMode.BLEND
    assert bench.commands[-1].position == pytest.approx(AWAY, abs=1e-3)
    bench.push(line(AWAY, AWAY + 0.4), age_ms=50)
    assert bench.tick().status.mode is ControlMode.POLICY
    bench.tick(60)
    assert bench.commands[-1].position[0] > AWAY[0] + 0.02
    assert_inside_limits(bench.positions(), bench.limits)


def test_the_first_chunk_after_a_return_is_gone_from_its_beginning():
    """The robot stood while it was computed; else a hand would close before it is down."""
    patient = FreshnessLimits(AgeLimit(99.0), AgeLimit(99.0), AgeLimit(99.0))
    bench = under_policy(freshness=patient)
    guide(bench, stay(AWAY), 3.0)
    bench.operate(AWAY, held=False)
    bench.tick(80)
    down, across = eased((0, 0), (0.1, 0), 4), eased((0.1, 0), (0.1, 0.1), 4)
    bench.push(AWAY + np.vstack((down, across[1:])), age_ms=350)
    assert bench.tick().execution.pace.lag_s == pytest.approx(0.355)
    bench.tick(170)
    corner = np.abs(bench.positions() - (AWAY + (0.1, 0.0))).max(axis=1)
    assert corner.min() < 6e-3
    assert bench.measured == pytest.approx(AWAY + 0.1, abs=2e-3)
    bench.push(line(bench.measured, bench.measured - (0.2, 0.0)), age_ms=100)
    assert bench.tick().execution.pace.lag_s == 0.0


def test_a_takeover_from_hold_goes_back_to_hold():
    bench = PointBench(handover=HandoverSettings())
    bench.start()
    bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    bench.tick(2)
    bench.operate(AWAY, held=False)
    guide(bench, stay(AWAY), 1.0)
    bench.operate(AWAY, held=False)
    assert bench.tick().status.mode is ControlMode.STOPPING
    assert bench.tick(200).status.mode is ControlMode.HOLD


def test_the_yaml_may_say_that_the_policy_does_not_go_on_by_itself():
    bench = under_policy(HandoverSettings(on_release=Release.HOLD))
    guide(bench, stay(AWAY), 0.5)
    bench.operate(AWAY, held=False)
    assert bench.tick(200).status.mode is ControlMode.HOLD


def test_the_operator_may_take_over_again_before_the_policy_goes_on():
    bench = under_policy()
    guide(bench, stay(AWAY), 0.5)
    bench.operate(AWAY, held=False)
    bench.tick(5)
    guide(bench, stay(AWAY), 3.0)
    assert bench.core.mode is ControlMode.TELEOP
    bench.operate(AWAY, held=False)
    assert bench.tick().status.mode is ControlMode.BLEND  # still back to the policy
    assert_inside_limits(bench.positions(), bench.limits)


def test_without_a_fresh_chunk_the_return_ends_in_hold():
    bench = under_policy()
    guide(bench, stay(AWAY), 0.5)
    bench.operate(AWAY, held=False)
    bench.tick(1100)
    assert bench.core.mode is ControlMode.HOLD
    assert "no chunk made after the return has come within 5.0 s" in bench.core.mode_reason


def test_a_silent_deadman_stops_the_robot_and_does_not_give_it_to_the_policy():
    bench = under_policy()
    guide(bench, stay(AWAY), 0.5)
    for _ in range(100):
        bench.push(line(bench.measured, bench.measured + 0.2))
        bench.tick()
    assert bench.core.mode is ControlMode.HOLD
    assert "the deadman of alice with leader was last heard" in bench.core.mode_reason
    assert_inside_limits(bench.positions(), bench.limits)


def test_targets_that_stay_out_hold_the_robot_until_they_come_again():
    bench = under_policy()
    guide(bench, lambda time_s: AWAY + [0.0, 0.2 * np.sin(3 * time_s)], 3.3)
    for tick in range(90):  # the deadman is heard, the leader is not
        bench.operate(AWAY, age_ms=tick * 5)
        bench.tick()
    assert bench.core.mode is ControlMode.BLEND and not bench.commands[-1].velocity.any()
    assert "teleop_stale" in constraints(bench)
    guide(bench, stay(AWAY), 1.0)
    assert bench.core.mode is ControlMode.TELEOP
    assert_inside_limits(bench.positions(), bench.limits)


@pytest.mark.parametrize("response", list(Response))
def test_each_response_to_targets_that_stay_out_is_without_a_jump(response):
    bench = under_policy(freshness=FreshnessLimits(teleop=AgeLimit(0.1, response)))
    bench.operate(AWAY)
    for tick in range(120):  # they stay out in the middle of the blend
        bench.operate(AWAY, age_ms=tick * 5)
        bench.tick()
    assert not bench.commands[-1].velocity.any()
    stopped = response is Response.STOP
    assert bench.core.mode is (ControlMode.HOLD if stopped else ControlMode.BLEND)
    assert_inside_limits(bench.positions(), bench.limits)


def test_a_deadman_that_was_held_from_the_start_does_not_count():
    bench = PointBench(handover=HandoverSettings())
    bench.start()
    for _ in range(5):
        bench.operate(AWAY)
    assert bench.tick().status.mode is ControlMode.POLICY
    bench.operate(AWAY, held=False)
    bench.operate(AWAY)
    assert bench.tick().status.mode is ControlMode.BLEND


def test_a_stop_that_was_asked_for_stays_although_the_deadman_is_held():
    bench = under_policy()
    guide(bench, stay(AWAY), 0.5)
    assert bench.core.request_mode(ControlMode.HOLD, bench.now_ns).accepted
    guide(bench, stay(AWAY), 1.0)
    assert bench.core.mode is ControlMode.HOLD
    answer = bench.core.request_mode(ControlMode.POLICY, bench.now_ns)
    assert answer.accepted  # a person may ask for the policy; the operator takes over by a press


def test_what_cannot_be_is_refused_with_the_reason():
    bench = under_policy()
    answer = bench.core.request_mode(ControlMode.TELEOP, bench.now_ns)
    assert not answer.accepted and "the deadman is not held" in answer.reason
    guide(bench, stay(AWAY), 0.5)
    answer = bench.core.request_mode(ControlMode.POLICY, bench.now_ns)
    assert not answer.accepted and "alice with leader holds the deadman" in answer.reason
    bench.core.estop("button", bench.now_ns)
    bench.operate(AWAY, held=False)
    assert "TELEOP cannot follow ESTOP" in bench.operate(AWAY)
    alone = PointBench()
    alone.start()
    answer = alone.core.request_mode(ControlMode.TELEOP, alone.now_ns)
    assert "no teleoperation is served" in answer.reason and "no tele" in alone.operate(AWAY)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"position": [np.nan, 0.0]}, "joint x is nan"),
        ({"position": [1e300, 0.0]}, "must be finite and a joint position"),
        ({"position": [0.0, 0.0], "names": ("x", "tail")}, "unknown tail"),
        ({"position": [0.0, 0.0], "names": ("x", "x")}, "each once"),
        ({"position": [0.0], "names": ("x", "y")}, "expected one position for each of 2 joints"),
        ({"position": [0.0, 0.0], "age_ms": -500}, "in the future"),
    ],
)
def test_a_target_that_is_none_is_refused_and_changes_nothing(given, reason):
    bench = under_policy()
    assert reason in bench.operate(**given)
    assert bench.tick().status.mode is ControlMode.POLICY


def test_the_operator_is_kept_from_what_the_policy_is_kept_from():
    bench = under_policy(HandoverSettings(approach=1.0))
    guide(bench, stay([1.0, 0.0]), 3.0)
    assert 0.0 < bench.distances()[:, 0].min() - 0.02 < 0.02
    assert_inside_limits(bench.positions(), bench.limits)


def test_an_intervention_tells_who_had_the_robot_from_when_to_when_and_why():
    bench = under_policy()
    bench.operate(AWAY)
    begin_ns = bench.now_ns
    bench.tick()
    running = bench.core.intervention
    assert (running.number, running.operator, running.source) == (1, "alice", "leader")
    assert running.begin_ns == begin_ns and running.end_ns is None
    assert running.cause == "alice with leader takes over"
    bench.now_ns += 7 * MS
    bench.operate(AWAY, held=False)
    ended = bench.core.intervention
    assert (ended.end_ns, ended.end_cause) == (bench.now_ns, "alice with leader let go")
    bench.tick()
    bench.operate(AWAY)
    assert bench.core.intervention.number == 2
    bench.core.estop("button", bench.now_ns)
    assert bench.core.intervention.end_cause == "button"


def test_a_press_ends_the_policys_motion_even_where_the_leader_is_silent():
    bench = under_policy()
    for tick in range(80):
        assert bench.operate(AWAY, age_ms=500 + 5 * tick) == ""
        bench.push(line(bench.measured, bench.measured + 0.2))
        bench.tick()
    assert bench.core.mode is ControlMode.BLEND and not bench.commands[-1].velocity.any()
    assert_inside_limits(bench.positions(), bench.limits)


def test_a_return_that_came_to_nothing_leaves_the_next_start_as_it_was():
    patient = FreshnessLimits(AgeLimit(99.0), AgeLimit(99.0), AgeLimit(99.0), AgeLimit(0.02))
    bench = under_policy(freshness=patient)
    guide(bench, stay(AWAY), 3.0)
    bench.operate(AWAY, held=False)
    bench.tick(80)
    bench.push(line(AWAY, AWAY + 0.1), age_ms=100)
    bench.now_ns += 50 * MS  # joint states are too old to follow it
    bench.core.tick(bench.now_ns)
    assert bench.tick().execution.pace.lag_s == 0.0
