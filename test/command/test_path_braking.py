"""Braking along the path, and what it leaves to the last resorts."""

from dataclasses import replace

import numpy as np
import pytest
from point_hand import (
    HARD_M,
    MS,
    PERIOD_NS,
    POST,
    POST_RADIUS,
    SOFT_M,
    WALL_X,
    PointBench,
    assert_inside_limits,
    eased,
    line,
)

from vla_core.command.command import CommandSettings
from vla_core.safety.freshness import AgeLimit, FreshnessLimits, Response
from vla_core.types import ControlMode

NEVER = AgeLimit(99.0)
PATIENT = FreshnessLimits(NEVER, NEVER, NEVER, NEVER)


def names_of(command) -> set[str]:
    return {constraint.name for constraint in command.status.constraints}


def test_a_path_into_the_wall_is_followed_to_the_hard_margin_and_no_farther():
    bench = PointBench(freshness=PATIENT)
    bench.start()
    bench.push(line((0, 0), (1.0, 0.5)))
    bench.tick(700)
    gap = bench.distances()[-1, 0]
    assert HARD_M <= gap <= HARD_M + 0.01
    assert bench.distances()[:, 0].min() >= HARD_M
    assert_inside_limits(bench.positions(), bench.limits)
    said = {c.name: c for command in bench.commands for c in command.status.constraints}
    assert said["table_distance"].subject == "hand/wall"
    assert 0 < said["table_distance"].amount <= SOFT_M
    assert said["path_speed"].amount > 0.9


def test_braking_stays_on_the_path():
    bench = PointBench(freshness=PATIENT)
    bench.start()
    bench.push(np.linspace(0, 1, 16)[:, None] ** 2 * (1.0, 0.5))
    bench.tick(500)
    at = bench.positions()
    assert at[-1, 0] > WALL_X - HARD_M - 0.01
    assert np.abs(at[:, 1] - at[:, 0] / 2).max() <= 2e-3


def test_nothing_is_braked_where_nothing_is_near():
    bench = PointBench()
    bench.start()
    bench.push(eased((0, 0), (0.5, -0.3), 9))
    bench.tick(170)
    assert all(command.execution.pace.speed == 1.0 for command in bench.commands[2:])
    assert bench.commands[-1].execution.pace.lag_s == 0.0
    assert bench.measured == pytest.approx([0.5, -0.3], abs=2e-3)


def test_path_time_lags_while_braking_and_the_whole_path_is_gone_later():
    bench = PointBench(CommandSettings(barrier_rate_per_s=10.0), PATIENT)
    bench.start()
    clearance = POST_RADIUS + HARD_M + 0.01
    around = np.array([POST + clearance * np.array([np.cos(a), np.sin(a)])
                       for a in np.linspace(np.pi, 1.6 * np.pi, 12)])  # fmt: skip
    there, away = eased((0, 0), around[0], 8), eased(around[-1], (0.6, -0.2), 8)
    path = np.vstack((there, around[1:], away[1:]))
    bench.push(path)
    bench.tick(700)
    assert max(command.execution.pace.lag_s for command in bench.commands) > 0.05
    assert min(command.execution.pace.speed for command in bench.commands[2:150]) < 0.95
    assert bench.measured == pytest.approx(path[-1], abs=3e-3)
    assert bench.distances()[:, 1].min() >= HARD_M


def test_a_new_chunk_is_joined_at_the_wall_clock():
    bench = PointBench(freshness=PATIENT)
    bench.start()
    bench.push(line((0, 0), (1.0, 0.0)))
    braked = bench.tick(240)
    assert braked.execution.pace.speed < 0.5 and braked.execution.pace.lag_s > 0.05
    bench.push(line(bench.measured, bench.measured - (0.4, 0.0)))
    joined = bench.tick()
    assert joined.execution.pace.lag_s < 0.01
    assert joined.execution.pace.speed == pytest.approx(braked.execution.pace.speed, abs=0.05)
    freed = bench.tick(100)
    assert freed.execution.pace.speed == 1.0
    assert_inside_limits(bench.positions(), bench.limits)


def test_a_chunk_that_is_over_is_not_begun():
    bench = PointBench(freshness=PATIENT)
    bench.start()
    bench.push(line((0, 0), (0.3, 0.0), 4), age_ms=299)
    bench.tick(100)
    assert bench.measured.tolist() == [0.0, 0.0]


def test_a_joint_that_has_to_catch_up_does_not_slow_the_others():
    """On the way to a late chunk, which nobody planned; what was planned too fast is slowed."""
    bench = PointBench(freshness=PATIENT, hand_speed=99.0)
    bench.start()
    bench.push(line((0, 0), (0.0, 0.3), 16))
    bench.tick(100)
    ahead = bench.measured + (0.25, 0.0)
    bench.push(line(ahead, ahead + (0.0, 0.1), 6), age_ms=150)
    bench.tick(20)
    assert all(command.execution.pace.speed == 1.0 for command in bench.commands[-20:])
    bench.tick(100)
    bench.push(line(bench.measured, bench.measured - (0.5, 0.0), 3))
    bench.tick(40)
    said = {c.name for command in bench.commands[-40:] for c in command.status.constraints}
    assert "velocity" in said and bench.commands[-1].execution.pace.lag_s > 0.02


def test_a_step_of_the_last_chunk_that_is_due_as_the_new_one_comes_is_not_headed_for():
    """Found in a picture: a braked robot stayed for another chunk, as its path began there."""
    bench = PointBench(freshness=PATIENT)
    bench.start()
    bench.push(line((0.5, 0), (1.0, 0.0)))
    bench.tick(200)
    stands = bench.measured[0]
    bench.push(line(bench.measured, (0.4, 0.0)))
    bench.tick(60)
    assert bench.measured[0] < stands - 0.01


def test_the_path_speed_changes_smoothly():
    bench = PointBench(freshness=PATIENT)
    bench.start()
    bench.push(line((0, 0), (0.79, 0.0)))
    bench.tick(290)
    bench.push(line(bench.measured, (0.0, 0.0)))
    bench.tick(150)
    speed = np.array([command.execution.pace.speed for command in bench.commands[2:]])
    assert speed.min() < 0.5 and speed[-1] == 1.0
    change = np.diff(speed) / 0.005
    limits = bench.limits
    assert np.abs(change).max() <= (limits.acceleration / limits.velocity).min() * 1.001
    assert np.abs(np.diff(change)).max() / 0.005 <= (limits.jerk / limits.velocity).min() * 1.01


def test_a_hand_is_not_faster_than_its_mode_allows():
    bench = PointBench(freshness=PATIENT, hand_speed=0.3)
    bench.start()
    bench.push(line((0, 0), (0.6, -0.6), 10))
    bench.tick(600)
    speeds = np.linalg.norm(np.diff(bench.positions(), axis=0), axis=1) / 0.005
    assert 0.25 <= speeds.max() <= 0.3 * 1.05
    assert bench.measured == pytest.approx([0.6, -0.6], abs=3e-3)
    assert "hand_speed" in set().union(*map(names_of, bench.commands))


@pytest.mark.parametrize("path_braking", [True, False])
def test_a_target_that_jumps_behind_the_post_never_brings_the_hand_too_near(path_braking):
    bench = PointBench(CommandSettings(path_braking=path_braking), PATIENT)
    bench.start()
    for target in ((0.6, 0.6), (0.0, 0.0), (0.79, 0.3), (0.3, 0.45), (0.3, 0.1)):
        bench.push(np.array([target] * 3), step_s=0.1)
        bench.tick(150)
    assert bench.distances().min() >= HARD_M
    assert_inside_limits(bench.positions(), bench.limits)


def test_a_target_beyond_the_post_is_reached_around_it_by_the_barriers():
    bench = PointBench(CommandSettings(path_braking=False), PATIENT)
    bench.start((0.3, 0.1))
    bench.push(np.array([(0.32, 0.6)] * 60))
    bench.tick(900)
    said = set().union(*map(names_of, bench.commands))
    assert {"keep_out_distance", "barrier"} <= said
    assert bench.measured == pytest.approx([0.32, 0.6], abs=5e-3)
    assert bench.distances().min() >= HARD_M


def test_from_a_start_that_is_too_near_the_hand_comes_no_nearer_and_can_leave():
    bench = PointBench(freshness=PATIENT)
    start = WALL_X - HARD_M / 2
    bench.start((start, 0.0))
    bench.push(line((start, 0), (1.0, 0.0)))
    bench.tick(100)
    assert bench.positions()[:, 0].max() <= start + 1e-9
    bench.push(eased(bench.measured, (0.5, 0.0), 9))
    bench.tick(200)
    assert bench.measured == pytest.approx([0.5, 0.0], abs=3e-3)


def test_an_emergency_stop_keeps_the_distances_too():
    for ticks in range(60, 220, 20):
        bench = PointBench(freshness=PATIENT)
        bench.start()
        bench.push(line((0, 0), (1.0, 0.6), 8))
        bench.tick(ticks)
        bench.core.estop("button", bench.now_ns)
        stopped = bench.tick(120)
        assert stopped.velocity.tolist() == [0, 0]
        assert bench.distances().min() >= HARD_M


def test_an_intent_that_ages_slows_the_path_down_and_stops_it_at_twice_its_limit():
    freshness = FreshnessLimits(NEVER, AgeLimit(0.4, Response.SLOW_DOWN), NEVER, NEVER)
    bench = PointBench(freshness=freshness)
    bench.start()
    bench.push(line((0, 0), (0.4, -0.6)))
    slower = bench.tick(130)
    assert 0.1 < slower.execution.pace.speed < 0.9 and "intent_stale" in names_of(slower)
    at = bench.tick(100).position
    assert bench.commands[-1].velocity.tolist() == [0, 0]
    assert at[1] == pytest.approx(-1.5 * at[0], abs=2e-3)
    assert bench.core.mode == ControlMode.POLICY


def test_a_chunk_may_slow_its_path_down_to_a_standstill_and_the_next_one_goes_on():
    bench = PointBench(freshness=PATIENT)
    bench.start()

    def push(path, path_speed: float) -> None:
        bench.core.on_chunk(replace(bench.chunk(path), path_speed=path_speed), bench.now_ns)

    push(line((0, 0), (0.4, -0.6)), 0.5)
    slower = bench.tick(60)
    assert slower.execution.pace.speed == pytest.approx(0.5)
    assert "delay_exceeded" in names_of(slower)
    push(line(bench.measured, (0.4, -0.6)), 0.0)
    assert bench.tick(100).velocity == pytest.approx([0, 0], abs=1e-3)
    assert bench.core.mode == ControlMode.POLICY and bench.measured[0] < 0.3
    push(line(bench.measured, (0.4, -0.6)), 1.0)
    assert bench.tick(600).position == pytest.approx([0.4, -0.6], abs=3e-3)


def test_a_robot_that_does_not_follow_slows_the_path_and_then_stops():
    bench = PointBench(freshness=PATIENT)
    bench.start()
    bench.push(line((0, 0), (0.7, -0.5)))
    bench.tick(20)
    bench.stuck = True
    bench.tick(300)
    assert bench.core.mode == ControlMode.HOLD
    said = [c for command in bench.commands for c in command.status.constraints]
    assert any(c.name == "tracking_error" and c.subject == "x" and c.amount > 0.05 for c in said)
    away = np.abs(bench.commands[-1].position - bench.measured)
    assert away.max() <= 0.15 + 0.05, "the command ran away from the robot"
    answer = bench.core.request_mode(ControlMode.POLICY, bench.now_ns)
    assert not answer.accepted and "from its command" in answer.reason


def test_joint_states_that_freeze_at_a_wrong_value_stop_the_robot():
    bench = PointBench(freshness=PATIENT)
    bench.start()
    bench.push(line((0, 0), (0.7, -0.5)))
    bench.tick(20)
    bench.measured, bench.stuck = np.array([-1.0, -1.0]), True
    bench.tick(2)
    assert bench.core.mode == ControlMode.STOPPING
    assert "joint x is 1." in bench.core.mode_reason and "limit 0.150" in bench.core.mode_reason


def test_late_ticks_one_after_another_stop_the_robot():
    bench = PointBench(freshness=PATIENT)
    bench.start()
    bench.push(line((0, 0), (0.5, -0.5)))
    bench.tick(20)
    reasons = set()
    for _ in range(25):
        bench.now_ns += 2 * PERIOD_NS
        bench.tick()
        reasons.add(bench.core.mode_reason)
    assert any("20 ticks came late within 1.0 s" in reason for reason in reasons)
    modes = [command.status.mode for command in bench.commands]
    assert modes[-1] == ControlMode.HOLD and ControlMode.ESTOP not in modes


def test_a_single_long_pause_does_not_leave_the_policy():
    bench = PointBench(freshness=PATIENT)
    bench.start()
    bench.push(line((0, 0), (0.5, -0.5)))
    bench.tick(20)
    bench.now_ns += 300 * MS
    bench.tick(10)
    assert bench.core.mode == ControlMode.POLICY


def test_a_lost_heartbeat_stops_until_it_is_back_and_a_service_resets():
    bench = PointBench(freshness=PATIENT, heartbeat_s=0.2)
    bench.tick()
    answer = bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    assert not answer.accepted and "heartbeat has not come" in answer.reason
    bench.core.on_estop(False, bench.now_ns)
    bench.start()
    bench.push(line((0, 0), (0.5, -0.5)))
    for _ in range(10):
        bench.core.on_estop(False, bench.now_ns)
        bench.tick(20)
    assert bench.core.mode == ControlMode.POLICY
    bench.tick(60)
    assert bench.core.mode == ControlMode.ESTOP and "heartbeat is 0.2" in bench.core.mode_reason
    bench.tick(60)
    answer = bench.core.reset_estop("alice", bench.now_ns)
    assert not answer.accepted and "heartbeat" in answer.reason
    bench.core.on_estop(False, bench.now_ns)
    assert bench.core.mode == ControlMode.ESTOP, "a heartbeat alone resets nothing"
    assert bench.core.reset_estop("alice", bench.now_ns).accepted


def test_a_pressed_button_keeps_the_stop_from_being_reset():
    bench = PointBench(freshness=PATIENT)
    bench.start()
    bench.core.on_estop(True, bench.now_ns)
    bench.tick(20)
    answer = bench.core.reset_estop("alice", bench.now_ns)
    assert not answer.accepted and "is pressed" in answer.reason
    bench.core.on_estop(False, bench.now_ns)
    assert bench.core.reset_estop("alice", bench.now_ns).accepted


def test_the_way_to_the_ready_pose_is_followed_in_hold_from_its_start():
    bench = PointBench()
    bench.start()
    bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    bench.tick(3)
    late = bench.chunk(line((0, 0), (0.2, -0.2), 60), age_ms=300)
    assert bench.core.on_ready_chunk(late, bench.now_ns) == ""
    first = bench.tick(5)
    assert np.abs(first.position).max() < 0.02, "the first targets were skipped"
    bench.tick(1500)
    assert bench.core.mode == ControlMode.HOLD
    assert bench.measured == pytest.approx([0.2, -0.2], abs=2e-3)
    speeds = np.linalg.norm(np.diff(bench.positions(), axis=0), axis=1) / 0.005
    assert speeds.max() <= 0.2 * 1.05


@pytest.mark.parametrize("missed", [1, 3])
def test_ticks_missed_at_its_beginning_do_not_end_the_way_to_the_ready_pose(missed):
    bench = PointBench(freshness=PATIENT)
    bench.start()
    bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    bench.tick(3)
    way = bench.chunk(eased((0, 0), (0.2, -0.2), 60))
    assert bench.core.on_ready_chunk(way, bench.now_ns) == ""
    for _ in range(8):
        bench.now_ns += missed * PERIOD_NS
        bench.tick()
    bench.tick(1500)
    assert bench.measured == pytest.approx([0.2, -0.2], abs=2e-3)


def test_a_way_to_the_ready_pose_that_ends_early_says_why():
    bench = PointBench(freshness=PATIENT)
    bench.start()
    bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    bench.tick(3)
    way = bench.chunk(eased((0, 0), (0.2, -0.2), 60))
    assert bench.core.on_ready_chunk(way, bench.now_ns) == ""
    bench.tick(200)
    bench.now_ns += 200 * PERIOD_NS
    assert bench.tick().dropped == (
        "ready motion: dropped, 200 ticks were missed, and the robot came to rest",
    )
    assert bench.tick().dropped == ()


def test_a_ready_motion_is_refused_outside_hold_far_away_or_old():
    bench = PointBench()
    bench.start()
    assert "refused in POLICY" in bench.core.on_ready_chunk(
        bench.chunk(line((0, 0), (0.2, 0))), bench.now_ns
    )
    bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    bench.tick(3)
    far = bench.core.on_ready_chunk(bench.chunk(line((0.5, 0), (0.2, 0))), bench.now_ns)
    assert "begins 0.500 from the command at joint x" in far
    old = bench.core.on_ready_chunk(bench.chunk(line((0, 0), (0.2, 0)), 3000), bench.now_ns)
    assert "planned 3.000 s ago" in old
