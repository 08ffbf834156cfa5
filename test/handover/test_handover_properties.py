"""Whatever is asked, whatever fails, whenever: legal transitions, an e-stop in a tick, no jump."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from point_hand import HARD_M, MS, NAMES, PointBench, assert_inside_limits, line

from vla_core.handover.modes import TRANSITIONS
from vla_core.handover.settings import HandoverSettings, Release, Takeover
from vla_core.safety.freshness import AgeLimit, FreshnessLimits, Response
from vla_core.types import ControlMode

LEGAL = {(row.start, row.enters) for row in TRANSITIONS}
points = st.tuples(st.floats(-1.2, 1.2), st.floats(-1.2, 1.2))
events = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(
                ["press", "press", "release", "jump", "mode", "mode", "stream", "deadman"]
                + ["joints", "policy", "stuck", "late", "estop", "released", "poison"]
            ),
            "to": points,
            "mode": st.sampled_from(list(ControlMode)),
            "alive": st.booleans(),
            "ticks": st.integers(1, 50),
        }
    ),
    min_size=4,
    max_size=16,
)
given_settings = st.builds(
    HandoverSettings,
    takeover=st.sampled_from(Takeover),
    on_release=st.sampled_from(Release),
    tolerance=st.sampled_from([0.02, 0.3]),
    approach=st.sampled_from([0.2, 1.0]),
    resume_timeout_s=st.sampled_from([0.1, 5.0]),
)


class Scene:
    """Operator, policy and robot around a command core, each of which may fall silent."""

    def __init__(self, handover: HandoverSettings, response: Response) -> None:
        freshness = FreshnessLimits(teleop=AgeLimit(0.08, response))
        self.bench = PointBench(freshness=freshness, handover=handover)
        self.entered: list[tuple[ControlMode, ControlMode]] = []
        arbiter = self.bench.core._arbiter
        enter = arbiter._enter

        def noted(mode: ControlMode, *rest) -> None:
            self.entered.append((arbiter.mode, mode))
            enter(mode, *rest)

        arbiter._enter = noted
        self.target, self.held = np.zeros(2), False
        self.stream = self.deadman = self.policy = True
        self.silent_ticks = 0

    def play(self, sequence) -> None:
        self.bench.start()
        for event in sequence:
            self.happen(event)
            for tick in range(event["ticks"]):
                self.live(tick)

    def happen(self, event) -> None:
        core, now_ns = self.bench.core, self.bench.now_ns
        match event["kind"]:
            case "press" | "release":
                self.held = event["kind"] == "press"
            case "jump":
                self.target = np.array(event["to"])
            case "mode":
                core.request_mode(event["mode"], now_ns)
            case "stream" | "deadman" | "policy":
                setattr(self, event["kind"], event["alive"])
            case "joints":
                core.on_joint_state(NAMES, [np.nan, 0.0], [], now_ns, now_ns)
            case "stuck":
                self.bench.stuck = not self.bench.stuck
            case "late":
                self.bench.now_ns += event["ticks"] * 2 * MS
            case "estop" | "released":
                core.on_estop(event["kind"] == "estop", now_ns)
            case "poison":
                self.bench.operate([np.nan, 1e300], self.held)

    def live(self, tick: int) -> None:
        """One tick; the operator at 100 Hz, the policy at 20 Hz."""
        bench = self.bench
        self.silent_ticks = 0 if self.stream else self.silent_ticks + 1
        if self.deadman and tick % 2 == 0:
            bench.operate(self.target, self.held, age_ms=5 * self.silent_ticks)
        if self.policy and tick % 10 == 0:
            bench.push(line(bench.measured, bench.measured + [0.2, -0.1], 6), age_ms=20)
        bench.tick()


def check_motion(bench: PointBench) -> None:
    """Limits by finite differences, between emergency stops, and distances."""
    run, before_ns = [], 0
    for command in [*bench.commands, None]:
        regular = command is not None and command.motion_ns - before_ns == 5 * MS
        smooth = command is not None and command.status.mode is not ControlMode.ESTOP
        if not (regular and smooth and command.active):
            if len(run) > 3:
                assert_inside_limits(np.array(run), bench.limits)
            run = []
        if command is not None:
            before_ns = command.motion_ns
            if command.active and smooth:
                run.append(command.position)
    at = bench.positions()
    if len(at):
        assert bench.distances().min() > HARD_M - 1e-9


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(events, given_settings, st.sampled_from(Response))
def test_only_legal_transitions_and_never_a_jump(sequence, handover, response):
    scene = Scene(handover, response)
    scene.play(sequence)
    assert set(scene.entered) <= LEGAL
    check_motion(scene.bench)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(events, given_settings, st.sampled_from(Response))
def test_the_emergency_stop_takes_hold_within_a_tick_from_wherever(sequence, handover, response):
    scene = Scene(handover, response)
    scene.play(sequence)
    bench = scene.bench
    bench.core.on_estop(True, bench.now_ns)
    assert bench.tick().status.mode is ControlMode.ESTOP
    scene.held = True
    for tick in range(200):
        scene.live(tick)
    assert bench.core.mode is ControlMode.ESTOP
    assert not bench.commands[-1].active or not bench.commands[-1].velocity.any()


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(events, given_settings, st.sampled_from(Response))
def test_nothing_follows_an_operator_who_does_not_hold_the_deadman(sequence, handover, response):
    scene = Scene(handover, response)
    scene.play(sequence)
    scene.held = False
    scene.deadman = True
    scene.live(0)
    assert not scene.bench.core._handover.operator_moves(scene.bench.core.mode)
    running = scene.bench.core.intervention
    assert running is None or running.end_ns is not None


@pytest.mark.parametrize("takeover", list(Takeover))
def test_a_hundred_takeovers_in_a_row_leave_no_jump(takeover):
    """Pressed and let go after 1 to 40 ticks, while the leader wanders."""
    random = np.random.default_rng(3)
    scene = Scene(HandoverSettings(takeover=takeover), Response.HOLD)
    scene.bench.start()
    for _ in range(100):
        scene.held = not scene.held
        scene.target = random.uniform(-1.0, 1.0, 2)
        for tick in range(int(random.integers(1, 40))):
            scene.live(tick)
    assert scene.bench.core.intervention.number > 40
    check_motion(scene.bench)
