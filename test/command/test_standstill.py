"""What a message can bring to a standstill goes on again: by itself, or by HOLD and POLICY."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vla_core.chunks.delay import KEPT, WARM_UP, Lateness
from vla_core.chunks.given_plan import GivenPlan
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import ObservationSpec
from vla_core.errors import ChunkError
from vla_core.types import Conditioning, ControlMode

LIMIT_STEPS, HORIZON, STEP_S = 4, 12, 0.1
#: Chunks after which a delay that there was is forgotten, and how long they take.
CHUNK_EVERY_S = 0.25
HEALED_S = (KEPT + WARM_UP + 2) * CHUNK_EVERY_S


class Loop:
    """System 1's side as the action node runs it, the command core, and what they tell each other."""

    def __init__(self, bench) -> None:
        self.bench = bench
        self.given = GivenPlan(
            PolicyManifest("p", "k", "r", bench.limits.names, ObservationSpec(()), STEP_S, HORIZON)
        )
        self.since_ns = bench.now_ns

    def act(self, late_s: float = 0.06) -> str:
        """A chunk of an observation `late_s` ago, to elsewhere; returns why it was refused."""
        bench = self.bench
        self.given.plan(bench.now_ns, STEP_S, HORIZON, Conditioning.GUIDED)
        lateness = Lateness("rtc", self.given.delay_steps, LIMIT_STEPS)
        goal = np.where(bench.measured > 0.0, -0.5, 0.5)
        share = np.linspace(0, 1, HORIZON)[:, None]
        chunk = bench.chunk(
            (1 - share) * bench.measured + share * goal,
            age_ms=1e3 * late_s, step_s=STEP_S, path_speed=lateness.path_speed,
        )  # fmt: skip
        try:
            self.given.give(chunk, bench.now_ns)
        except ChunkError as error:
            return str(error)
        return bench.core.on_chunk(chunk, bench.now_ns)

    def go(self, time_s: float) -> None:
        for _ in range(round(time_s / 0.005)):
            command = self.bench.tick()
            self.given.update(command.execution, self.bench.core.mode_since_ns)

    def goes_on(self, time_s: float) -> bool:
        """Good chunks come: whether the robot moves by the end of that time."""
        for _ in range(round(time_s / CHUNK_EVERY_S)):
            self.act()
            self.go(CHUNK_EVERY_S)
        before = self.bench.measured
        assert self.act() == ""
        self.go(CHUNK_EVERY_S)
        return bool(np.abs(self.bench.measured - before).max() > 0.01)


@pytest.fixture
def loop(bench) -> Loop:
    bench.start_policy()
    return Loop(bench)


def test_chunks_that_came_too_late_stop_the_robot_and_are_forgotten(loop):
    """The delay's maximum was only replaced as steps were executed, and none was any more."""
    for _ in range(WARM_UP + 2):
        loop.act(late_s=0.95)
        loop.go(CHUNK_EVERY_S)
    loop.act()
    loop.go(1.0)
    assert loop.bench.core.pace.speed == 0.0
    assert loop.goes_on(HEALED_S)


def test_steps_of_another_length_are_no_delay_of_ones_own(loop):
    """Six late chunks of 1 ms steps from elsewhere counted as hundreds of steps of 0.1 s."""
    loop.act()
    loop.go(2 * CHUNK_EVERY_S)
    for _ in range(6):
        chunk = loop.bench.chunk(np.zeros((1000, 2)), age_ms=400.0, step_s=0.001, sequence=10**9)
        assert loop.bench.core.on_chunk(chunk, loop.bench.now_ns) == ""
        loop.go(0.1)
    assert loop.given.delay_steps == 0
    assert loop.goes_on(0.0)


def test_what_stands_still_has_no_steps_left_to_wait_for(loop):
    loop.act()
    loop.go(0.1)
    assert loop.given.steps_left(loop.bench.now_ns, STEP_S) > 0.0
    late = loop.bench.chunk(np.zeros((HORIZON, 2)), path_speed=0.0)
    loop.given.give(late, loop.bench.now_ns)
    assert loop.bench.core.on_chunk(late, loop.bench.now_ns) == ""
    loop.go(0.6)
    assert loop.given.steps_left(loop.bench.now_ns, STEP_S) == 0.0


nasty = st.fixed_dictionaries(
    {
        "own": st.booleans(),
        "late_s": st.sampled_from([0.0, 0.05, 0.3, 0.95, 3.0]),
        "ahead": st.booleans(),
        "step_s": st.sampled_from([0.001, 0.02, 0.1, 10.0]),
        "horizon": st.sampled_from([1, 12, 1000]),
        "path_speed": st.sampled_from([0.0, 1e-9, 0.5, 1.0]),
        "spread": st.sampled_from([0.0, 0.1, 100.0]),
        "mode": st.sampled_from([None, None, *ControlMode]),
        "then_s": st.sampled_from([0.005, 0.1, 0.6, 2.5]),
    }
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(nasty, min_size=1, max_size=8))
def test_after_any_messages_hold_and_policy_move_the_robot_again(make_bench, sequence):
    bench = make_bench()
    bench.start_policy()
    loop, random = Loop(bench), np.random.default_rng(0)
    for event in sequence:
        if event["mode"] not in (None, ControlMode.ESTOP):
            bench.core.request_mode(event["mode"], bench.now_ns)
        if event["own"] and event["late_s"] < 1.0:
            loop.act(event["late_s"])
        else:
            chunk = bench.chunk(
                random.normal(0, event["spread"], (event["horizon"], 2)),
                age_ms=-9.0 if event["ahead"] else 1e3 * event["late_s"],
                step_s=event["step_s"], path_speed=event["path_speed"], sequence=10**9,
            )  # fmt: skip
            bench.core.on_chunk(chunk, bench.now_ns)
        loop.go(event["then_s"])
    bench.core.request_mode(ControlMode.HOLD, bench.now_ns)
    loop.go(1.0)
    if bench.core.mode is ControlMode.IDLE:
        assert bench.core.request_mode(ControlMode.HOLD, bench.now_ns).accepted
    assert bench.core.mode is ControlMode.HOLD
    assert bench.core.request_mode(ControlMode.POLICY, bench.now_ns).accepted
    assert loop.goes_on(HEALED_S)


def test_a_last_chunk_is_gone_to_its_end(bench):
    """Asked for 0.2 rad within 0.1 s the robot was left at 0.127, 0.2 s after the chunk's end."""
    bench.start_policy()
    goal = bench.measured + [0.2, -0.2]
    bench.push(np.array([bench.measured, goal]), step_s=0.1)
    bench.tick(170)
    assert bench.measured == pytest.approx(goal, abs=1e-3)
