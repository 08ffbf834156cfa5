"""The command core as an operator, a robot and a policy see it."""

import numpy as np
import pytest

from vla_core.command.command import CommandSettings
from vla_core.errors import ConfigError
from vla_core.safety.emergency_button import EmergencyButton
from vla_core.safety.freshness import AgeLimit, FreshnessLimits, Response
from vla_core.safety.motion_filter import FilteredStep, MotionFilter
from vla_core.safety.stopping import JointMotion
from vla_core.types import ControlMode

MS = 1_000_000


def ramp(start, rate: float, horizon: int = 16) -> np.ndarray:
    """Targets `(horizon, 2)` leaving `start` at `rate` [rad a step]."""
    return np.asarray(start) + rate * np.arange(horizon)[:, None] * np.array([1.0, -1.0])


def test_nothing_is_sent_in_idle(bench):
    command = bench.tick(5)
    assert not command.active and command.position.size == 0 and command.tail.time_s.size == 0
    assert command.status.mode == ControlMode.IDLE


def test_the_first_command_is_where_the_robot_stands(bench):
    bench.tick()
    bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    assert bench.tick().position.tolist() == [0.2, -0.1]


def test_hold_needs_a_joint_state(bench):
    answer = bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    assert not answer.accepted and "no joint state of this robot has come" in answer.reason
    bench.tick()
    bench.joint_state_alive = False
    bench.tick(60)
    answer = bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    assert not answer.accepted and "joint state is 0.300 s old" in answer.reason


def test_hold_is_refused_where_the_robot_stands_outside_its_limits(bench):
    bench.measured = np.array([0.0, -1.4])
    bench.tick()
    answer = bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    assert not answer.accepted and "joint elbow is 0.400 rad outside its limits" in answer.reason


def test_hold_is_refused_while_the_robot_moves(bench):
    bench.core.on_joint_state(("shoulder", "elbow"), [0, 0], [0, 1.2], bench.now_ns, bench.now_ns)
    answer = bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    assert not answer.accepted and "joint elbow moves at 1.20 rad/s" in answer.reason


def test_a_robot_slightly_outside_its_limits_starts_at_the_limit(bench):
    bench.measured = np.array([0.0, -1.05])
    bench.tick()
    assert bench.core.request_mode(ControlMode.HOLD, bench.now_ns).accepted
    assert bench.tick().position.tolist() == [0.0, -1.0]


def test_chunks_are_followed_with_their_provenance(bench):
    bench.start_policy()
    assert bench.push(ramp(bench.measured, 0.02), age_ms=120) == ""
    command = bench.tick(40)
    assert command.execution.chunk_sequence == 1
    assert command.execution.step == 4
    assert command.execution.remaining_steps == 11
    assert command.execution.delay_steps == 2
    assert command.chain.observation_stamp_ns == bench.now_ns - 320 * MS
    assert command.status.ages_s["observation"] == pytest.approx(0.32)
    assert command.status.ages_s["chunk"] == pytest.approx(0.2)
    settled = bench.tick(40)
    assert settled.position == pytest.approx(settled.status.requested, abs=2e-3)


def test_hold_asked_in_policy_stops_smoothly_and_then_holds(bench):
    bench.start_policy()
    bench.push(ramp(bench.measured, 0.05))
    bench.tick(40)
    answer = bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    assert answer.accepted and answer.mode == ControlMode.STOPPING
    bench.tick(100)
    assert bench.core.mode == ControlMode.HOLD
    assert bench.commands[-1].velocity.tolist() == [0, 0]
    acceleration = np.diff(bench.positions(), n=2, axis=0) / 0.005**2
    assert np.abs(np.diff(acceleration, axis=0)).max() / 0.005 <= 300 * 1.01


@pytest.mark.parametrize("what", ["chunk", "observation", "intent", "joint_state"])
def test_a_stale_input_holds_and_a_fresh_one_resumes(make_bench, names_of, what):
    bench = make_bench(FreshnessLimits(**{what: AgeLimit(0.2)}))
    bench.start_policy()
    bench.push(ramp(bench.measured, 0.03))
    bench.tick(20)
    bench.joint_state_alive = what != "joint_state"
    bench.tick(60)
    stopped = bench.commands[-1]
    assert f"{what}_stale" in names_of(stopped)
    assert stopped.velocity.tolist() == [0, 0]
    assert bench.core.mode == ControlMode.POLICY
    assert stopped.execution.step == -1
    bench.joint_state_alive = True
    bench.push(ramp(stopped.position, 0.03))
    resumed = bench.tick(10)
    assert not names_of(resumed) & {f"{what}_stale"}
    assert resumed.velocity[0] > 0.05


def test_a_stale_input_with_response_stop_leaves_the_policy(make_bench):
    bench = make_bench(FreshnessLimits(chunk=AgeLimit(0.1, Response.STOP)))
    bench.start_policy()
    bench.push(ramp(bench.measured, 0.03))
    bench.tick(100)
    assert bench.core.mode == ControlMode.HOLD
    bench.push(ramp(bench.measured, 0.03))
    assert bench.tick(20).velocity.tolist() == [0, 0]


def test_the_end_of_a_chunk_is_reached_and_never_passed(make_bench, names_of):
    never = AgeLimit(99.0)
    bench = make_bench(FreshnessLimits(never, never, never, never))
    bench.start_policy()
    targets = ramp(bench.measured, 0.04, horizon=5)
    bench.push(targets)
    command = bench.tick(300)
    assert "chunk_exhausted" in names_of(command)
    assert command.position == pytest.approx(targets[-1], abs=2e-3)
    assert bench.positions()[:, 0].max() <= targets[-1, 0] + 2e-3
    assert command.velocity.tolist() == [0, 0]


def test_estop_brakes_at_the_full_limit_and_latches(bench):
    bench.start_policy()
    bench.push(ramp(bench.measured, 0.08))
    moving = bench.tick(40)
    assert abs(moving.velocity[0]) > 0.5
    bench.core.estop("button", bench.now_ns)
    first = bench.tick()
    assert abs(moving.velocity[0] - first.velocity[0]) == pytest.approx(10 * 0.005)
    bench.push(ramp(bench.measured, 0.08))
    command = bench.tick(60)
    assert command.velocity.tolist() == [0, 0] and command.status.mode == ControlMode.ESTOP
    assert not bench.core.request_mode(ControlMode.POLICY, bench.now_ns).accepted
    assert not bench.core.request_mode(ControlMode.IDLE, bench.now_ns).accepted
    assert bench.core.reset_estop("alice", bench.now_ns).accepted


def test_estop_cannot_be_reset_while_moving(bench):
    bench.start_policy()
    bench.push(ramp(bench.measured, 0.08))
    bench.tick(40)
    bench.core.estop("button", bench.now_ns)
    answer = bench.core.reset_estop("alice", bench.now_ns)
    assert not answer.accepted and "still moving" in answer.reason


def test_estop_keeps_its_first_reason(bench):
    bench.core.estop("button", 5)
    bench.core.estop("heartbeat", 9)
    assert (bench.core.mode_reason, bench.core.mode_since_ns) == ("button", 5)


def test_estop_in_idle_sends_nothing(bench):
    bench.tick()
    bench.core.estop("button", bench.now_ns)
    assert not bench.tick().active
    assert bench.core.reset_estop("alice", bench.now_ns).accepted
    assert bench.tick().position.tolist() == [0.2, -0.1]


def test_a_robot_pushed_away_during_estop_is_not_pulled_back(bench):
    bench.start_policy()
    bench.tick(3)
    bench.core.estop("button", bench.now_ns)
    bench.tick(3)
    bench.core.on_joint_state(
        ("shoulder", "elbow"), bench.measured + 0.3, [0, 0], bench.now_ns + 1, bench.now_ns + 1
    )
    answer = bench.core.reset_estop("alice", bench.now_ns + 1)
    assert not answer.accepted and "0.300 rad away from the last command" in answer.reason


def test_refusals_are_told_with_their_reason(bench):
    bench.start_policy()
    assert "is nan" in bench.push(np.full((4, 2), np.nan))
    assert "twice" in bench.core.on_joint_state(
        ("shoulder", "shoulder"), [0.0, 0.0], [], bench.now_ns, bench.now_ns
    )


def test_joints_that_fell_silent_make_the_state_old_and_are_named(bench):
    """The shoulder's publisher goes on, the elbow's is dead: that is no fresh joint state."""
    bench.start_policy()
    bench.tick(10)
    bench.joint_state_alive = False
    for _ in range(200):
        bench.tick()
        bench.core.on_joint_state(
            ("shoulder",), bench.measured[:1], [0.0], bench.now_ns, bench.now_ns
        )
    assert bench.commands[-1].status.ages_s["joint_state"] > 0.9
    bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    bench.tick()
    answer = bench.core.request_mode(ControlMode.POLICY, bench.now_ns)
    assert not answer.accepted and "elbow (1 of 2 joints): last told 1.0" in answer.reason


def test_joint_states_from_the_past_and_the_future_are_refused(bench):
    bench.tick()
    names, now_ns = ("shoulder", "elbow"), bench.now_ns
    assert "older" in bench.core.on_joint_state(names, [0, 0], [], now_ns - 1, now_ns)
    assert "future" in bench.core.on_joint_state(names, [0, 0], [], now_ns + 50 * MS, now_ns)


def test_a_clock_set_back_stops_and_then_goes_on(bench, names_of):
    bench.start_policy()
    bench.push(ramp(bench.measured, 0.05))
    bench.tick(40)
    bench.now_ns -= 800 * MS
    assert "clock_set_back" in names_of(bench.tick())
    assert bench.tick(60).velocity.tolist() == [0, 0]
    assert bench.push(ramp(bench.measured, 0.05)) == ""
    assert abs(bench.tick(20).velocity[0]) > 0.1


def test_the_tail_starts_at_the_command_and_ends_in_a_stop(bench):
    bench.start_policy()
    bench.push(ramp(bench.measured, 0.08))
    command = bench.tick(40)
    tail = command.tail
    assert tail.position[0].tolist() == command.position.tolist()
    assert tail.velocity[-1].tolist() == [0, 0]
    assert len(tail.time_s) > 2 and np.diff(tail.time_s)[:-1] == pytest.approx(0.05)
    bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    assert bench.tick(10).position == pytest.approx(tail.position[1], abs=1e-9)


def test_a_robot_at_rest_is_told_to_stay_for_long_enough_that_a_late_message_is_not_over(bench):
    bench.tick()
    bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    tail = bench.tick().tail
    assert tail.time_s == pytest.approx([0.005, 0.055])
    assert tail.position.tolist() == [[0.2, -0.1]] * 2 and not tail.velocity.any()


def test_after_missed_ticks_the_command_goes_on_where_the_tail_took_the_robot(bench):
    bench.start_policy()
    bench.push(ramp(bench.measured, 0.08))
    tail = bench.tick(40).tail
    bench.now_ns += 50 * MS
    late = bench.tick()
    assert late.position == pytest.approx(tail.position[1], abs=5e-3)
    for _ in range(3):
        bench.now_ns += 1_000 * MS
        bench.core.on_joint_state(
            ("shoulder", "elbow"), late.position, [], bench.now_ns, bench.now_ns
        )
        late = bench.core.tick(bench.now_ns)
    assert late.velocity.tolist() == [0, 0]


def test_a_path_after_missed_ticks_begins_where_the_stop_took_the_robot(bench):
    bench.start_policy()
    bench.push(ramp(bench.measured, 0.08))
    tail = bench.tick(40).tail
    assert abs(tail.position[-1] - tail.position[0]).max() > 0.02
    bench.now_ns += 600 * MS
    bench.measured = tail.position[-1]
    bench.push(ramp(bench.measured, 0.05))
    resumed = bench.tick()
    assert resumed.status.requested == pytest.approx(tail.position[-1], abs=1e-9)
    assert resumed.position == pytest.approx(tail.position[-1], abs=1e-4)
    assert bench.tick(20).velocity[0] > 0.1


def test_a_path_is_not_gone_on_along_where_the_robot_has_come_to_rest_off_it(bench):
    """A freeze shorter than the plan: the rest of it begins anew, at a standstill, from there."""
    bench.start_policy()
    bench.push(ramp(bench.measured, 0.08))
    tail = bench.tick(40).tail
    bench.now_ns += 600 * MS
    bench.measured = tail.position[-1]
    resumed = bench.tick()
    assert resumed.status.requested == pytest.approx(tail.position[-1], abs=1e-9)
    assert bench.tick().execution.chunk_sequence == 1


@pytest.mark.parametrize("gap_ms", [15, 100, 600])
@pytest.mark.parametrize("alone", [(), ("shoulder",), ("elbow",), ("shoulder", "elbow")])
def test_after_a_gap_each_joint_is_where_its_controller_has_taken_it(make_bench, alone, gap_ms):
    """Along the stop that it was told, or where it was left by a controller of positions alone."""
    bench = make_bench(settings=CommandSettings(positions_alone=alone))
    bench.start_policy()
    bench.push(ramp(bench.measured, 0.08))
    left = bench.tick(40)
    bench.now_ns += gap_ms * MS
    late = bench.tick()
    period_s = 0.005
    after_s = gap_ms * 1e-3 + 2 * period_s  # the tail's first point is one period ahead
    for joint, name in enumerate(("shoulder", "elbow")):
        if name in alone and gap_ms > 20:
            assert late.position[joint] == pytest.approx(left.position[joint], abs=1e-4)
            assert abs(late.velocity[joint]) < 0.02
        else:  # a gap that servos do not feel: the motion goes on for all
            stop = np.interp(after_s, left.tail.time_s, left.tail.position[:, joint])
            assert late.position[joint] == pytest.approx(stop, abs=2e-3)


def test_settings_name_the_joints_that_take_positions_alone():
    with pytest.raises(ConfigError, match="positions_alone: got True, expected names of joints"):
        CommandSettings(positions_alone=True)


def test_a_clock_set_forward_moves_nothing_and_is_no_lost_heartbeat(bench, names_of):
    bench.start_policy()
    bench.push(ramp(bench.measured, 0.05))
    before = bench.tick(40)
    steady_ns = bench.now_ns
    bench.core.tick(bench.now_ns, steady_ns)
    bench.now_ns += 10_000 * MS + 5 * MS
    command = bench.core.tick(bench.now_ns, steady_ns + 5 * MS)
    assert "clock_set_forward" in names_of(command)
    assert command.position == pytest.approx(before.tail.position[0], abs=0.01)
    assert command.motion_ns == bench.now_ns
    button = EmergencyButton(heartbeat_s=0.5)
    button.update(False, before.stamp_ns)
    button.set_forward(10.0)
    assert button.problem(before.stamp_ns + 10_100 * MS) == ""
    assert "is 0.600 s old" in button.problem(before.stamp_ns + 10_600 * MS)


def test_two_ticks_of_the_same_time_move_once(bench):
    bench.start_policy()
    bench.push(ramp(bench.measured, 0.08))
    first = bench.tick(40)
    second = bench.core.tick(bench.now_ns)
    assert second.position.tolist() == first.position.tolist()


def test_jitter_of_the_ticks_does_not_change_how_far_the_command_gets(make_bench):
    ends = []
    for jitter_ms in (0, 2):
        bench = make_bench()
        bench.start_policy()
        bench.push(ramp(bench.measured, 0.04))
        start_ns = bench.now_ns
        for k in range(1, 61):
            bench.now_ns = start_ns + (k - 1) * 5 * MS + (k % 2) * jitter_ms * MS
            ends_at = bench.tick()
        ends.append(ends_at.position)
    assert ends[0] == pytest.approx(ends[1], abs=2e-3)


def test_what_is_given_out_cannot_be_changed_from_outside(bench):
    bench.start_policy()
    bench.push(ramp(bench.measured, 0.05))
    command = bench.tick(10)
    for array in (command.position, command.velocity, command.acceleration):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9.0


def test_an_invalid_command_is_never_sent(bench, monkeypatch, names_of):
    bench.start_policy()
    bench.push(ramp(bench.measured, 0.08))
    last = bench.tick(40)
    broken = JointMotion(np.array([np.nan, 0.0]), np.zeros(2), np.zeros(2))
    monkeypatch.setattr(MotionFilter, "step", lambda *_: FilteredStep(broken))
    command = bench.tick()
    assert "invalid_command" in names_of(command)
    assert command.position.tolist() == last.position.tolist()
    assert bench.core.mode == ControlMode.ESTOP


def test_the_same_inputs_give_the_same_commands_bit_for_bit(make_bench):
    runs = []
    for _ in range(2):
        bench = make_bench()
        bench.start_policy()
        random = np.random.default_rng(3)
        for _ in range(20):
            bench.push(random.uniform(-1, 1, (8, 2)), age_ms=40)
            bench.tick(10)
        runs.append(bench.positions())
    assert np.array_equal(*runs)


@pytest.mark.parametrize("mapping", [{"rate": 1}, {"period_s": 0}, {"horizon_s": "a"}])
def test_wrong_settings_are_refused_at_load(mapping):
    with pytest.raises(ConfigError, match="robot.yaml, "):
        CommandSettings.from_mapping(mapping, "robot.yaml")
