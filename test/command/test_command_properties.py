"""Whatever arrives in whatever order: commands finite, inside limits, and never a past step."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vla_core.types import ControlMode

PERIOD_S = 0.005

chunk_events = st.fixed_dictionaries(
    {
        "kind": st.just("chunk"),
        "seed": st.integers(0, 999),
        "horizon": st.integers(1, 12),
        "spread": st.sampled_from([0.05, 0.5, 5.0]),
        "poison": st.sampled_from([None, None, None, np.nan, np.inf, -np.inf, 1e300]),
        "age_ms": st.sampled_from([0, 30, 150, 400, 3000, -5, -500]),
        "step_s": st.sampled_from([0.1, 0.02, 0.0, -0.1]),
        "permuted": st.booleans(),
        "repeat": st.booleans(),
    }
)
mode_events = st.fixed_dictionaries(
    {"kind": st.just("mode"), "mode": st.sampled_from(list(ControlMode))}
)
joint_events = st.fixed_dictionaries(
    {
        "kind": st.just("joints"),
        "alive": st.booleans(),
        "value": st.sampled_from([0.1, np.nan, 9.0]),
    }
)
events = st.lists(
    st.tuples(
        st.one_of(chunk_events, chunk_events, chunk_events, mode_events, joint_events),
        st.integers(1, 25),
    ),
    min_size=3,
    max_size=14,
)


def apply(bench, event) -> None:
    if event["kind"] == "mode":
        bench.core.request_mode(event["mode"], bench.now_ns)
    elif event["kind"] == "joints":
        bench.joint_state_alive = event["alive"]
        names = bench.limits.names
        bench.core.on_joint_state(names, [event["value"], 0], [], bench.now_ns, bench.now_ns)
    else:
        random = np.random.default_rng(event["seed"])
        targets = random.normal(0, event["spread"], (event["horizon"], 2))
        if event["poison"] is not None:
            targets[random.integers(len(targets)), 1] = event["poison"]
        names = ("elbow", "shoulder") if event["permuted"] else ("shoulder", "elbow")
        chunk = bench.chunk(targets, age_ms=event["age_ms"], step_s=event["step_s"], names=names)
        for _ in range(2 if event["repeat"] else 1):
            bench.core.on_chunk(chunk, bench.now_ns)


def assert_inside_limits(bench) -> None:
    """By finite differences of each uninterrupted run of commands."""
    limits, run, smooth = bench.limits, [], []
    for command in [*bench.commands, None]:
        if command is not None and command.active:
            run.append(command.position)
            smooth.append(command.status.mode != ControlMode.ESTOP)
            continue
        if len(run) > 3:
            positions = np.array(run)
            assert np.isfinite(positions).all()
            assert (positions >= limits.lower - 1e-6).all()
            assert (positions <= limits.upper + 1e-6).all()
            velocity = np.diff(positions, axis=0) / PERIOD_S
            assert (np.abs(velocity) <= limits.velocity * (1 + 1e-6)).all()
            acceleration = np.diff(velocity, axis=0) / PERIOD_S
            assert (np.abs(acceleration) <= limits.acceleration * (1 + 1e-5)).all()
            jerk = np.abs(np.diff(acceleration, axis=0)) / PERIOD_S
            limited = [all(smooth[k : k + 4]) for k in range(len(jerk))]
            assert (jerk[limited] <= limits.jerk * (1 + 1e-3)).all()
        run, smooth = [], []


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(events)
def test_commands_stay_inside_every_limit(make_bench, sequence):
    bench = make_bench()
    bench.start_policy()
    for event, ticks in sequence:
        apply(bench, event)
        bench.tick(ticks)
    assert_inside_limits(bench)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(events)
def test_no_step_is_played_after_it_was_due_but_as_far_as_the_path_lags(make_bench, sequence):
    bench = make_bench()
    bench.start_policy()
    for event, ticks in sequence:
        apply(bench, event)
        bench.tick(ticks)
    for command in bench.commands:
        constraints = {constraint.name for constraint in command.status.constraints}
        if command.execution.step >= 0 and "chunk_exhausted" not in constraints:
            chunk = bench.sent[command.execution.chunk_sequence]
            due_s = chunk.observation_stamp_ns / 1e9 + command.execution.step * chunk.step_s
            assert due_s + command.execution.pace.lag_s >= command.stamp_ns / 1e9 - 1e-6


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(events)
def test_estop_takes_hold_within_one_tick_and_ends_in_standstill(make_bench, sequence):
    bench = make_bench()
    bench.start_policy()
    for event, ticks in sequence:
        apply(bench, event)
        bench.tick(ticks)
    bench.core.estop("button", bench.now_ns)
    first = bench.tick()
    assert first.status.mode == ControlMode.ESTOP
    assert bench.core.mode == ControlMode.ESTOP
    if first.active:
        assert not bench.tick(60).velocity.any()
    assert_inside_limits(bench)
