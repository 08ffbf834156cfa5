"""Whatever is asked, in whatever order: no distance below its hard margin, no limit broken."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from point_hand import HARD_M, MS, NAMES, PERIOD_NS, PointBench

from vla_core.command.command import CommandSettings
from vla_core.types import ControlMode

coordinate = st.floats(-1.3, 1.3)
points = st.tuples(coordinate, coordinate)
chunks = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["chunk", "chunk", "ready"]),
        "to": st.lists(points, min_size=1, max_size=5),
        "poison": st.sampled_from([None, None, None, np.nan, np.inf, -1e300]),
        "age_ms": st.sampled_from([0, 80, 400, 3000, -5, -500]),
        "step_s": st.sampled_from([0.3, 0.1, 0.02]),
    }
)
others = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["mode", "estop", "released", "late", "back", "stuck", "poison"]),
        "mode": st.sampled_from(list(ControlMode)),
        "late_ms": st.sampled_from([4, 12, 50, 400]),
    }
)
events = st.lists(
    st.tuples(st.one_of(chunks, chunks, others), st.integers(1, 40)), min_size=3, max_size=12
)


def apply(bench: PointBench, event: dict) -> None:
    core, now_ns = bench.core, bench.now_ns
    match event["kind"]:
        case "chunk" | "ready":
            targets = np.vstack((bench.measured, event["to"]))
            if event["poison"] is not None:
                targets[-1, 0] = event["poison"]
            chunk = bench.chunk(targets, event["age_ms"], event["step_s"])
            (core.on_chunk if event["kind"] == "chunk" else core.on_ready_chunk)(chunk, now_ns)
        case "mode":
            core.reset_estop("alice", now_ns)
            core.request_mode(ControlMode.HOLD, now_ns)
            core.request_mode(event["mode"], now_ns)
        case "estop" | "released":
            core.on_estop(event["kind"] == "estop", now_ns)
        case "late":
            bench.now_ns += event["late_ms"] * MS
        case "back":
            bench.now_ns -= event["late_ms"] * MS
        case "stuck":
            bench.stuck = not bench.stuck
        case "poison":
            core.on_joint_state(NAMES, [np.nan, 0.0], [], now_ns, now_ns)


def play(sequence, path_braking: bool = True) -> PointBench:
    bench = PointBench(CommandSettings(path_braking=path_braking))
    bench.start()
    for event, ticks in sequence:
        apply(bench, event)
        bench.tick(ticks)
    return bench


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(events, st.booleans())
def test_no_distance_falls_below_its_hard_margin_from_a_safe_start(sequence, path_braking):
    bench = play(sequence, path_braking)
    if len(bench.positions()):
        assert bench.distances().min() >= HARD_M - 1e-9


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(events, st.booleans())
def test_every_limit_holds_by_finite_differences(sequence, path_braking):
    bench = play(sequence, path_braking)
    limits, period_s, run = bench.limits, PERIOD_NS * 1e-9, []
    for command in bench.commands:
        if not command.active or (run and command.motion_ns != run[-1].motion_ns + PERIOD_NS):
            run = []
        if not command.active:
            continue
        run = [*run, command][-4:]
        at = np.array([each.position for each in run])
        assert np.isfinite(at).all() and (np.abs(at) <= 1.0 + 1e-6).all()
        orders = [(1, limits.velocity, 1e-6), (2, limits.acceleration, 1e-5)]
        if ControlMode.ESTOP not in [each.status.mode for each in run]:
            orders.append((3, limits.jerk, 1e-3))
        for order, limit, slack in orders:
            change = np.abs(np.diff(at, order, axis=0)) / period_s**order
            assert (change <= limit * (1 + slack)).all(), order


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(events)
def test_every_tail_ends_in_a_stop_that_keeps_the_hard_margin(sequence):
    bench = play(sequence)
    for command in bench.commands:
        if command.active:
            assert not command.tail.velocity[-1].any()
            for position in command.tail.position:
                assert bench.margin_of(position) >= HARD_M - 1e-9


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(events)
def test_an_emergency_stop_is_still_after_a_second_and_stays_so(sequence):
    bench = play(sequence)
    bench.core.estop("button", bench.now_ns)
    bench.tick(200)
    if bench.commands[-1].active:
        assert not bench.commands[-1].velocity.any()
        assert bench.tick(20).position.tolist() == bench.commands[-21].position.tolist()
