"""Whoever asks for what, in whatever order: only a person's reset leads out of ESTOP."""

from __future__ import annotations

from functools import wraps

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from point_hand import MS, NAMES, PointBench, line

from vla_core.command.command_core import CommandCore
from vla_core.handover.reset import LONGEST_NAME
from vla_core.handover.settings import HandoverSettings, Takeover
from vla_core.types import ControlMode

NOBODY = {
    "nobody": "",
    "blank": " \t",
    "endless": "a" * (LONGEST_NAME + 1),
    "another line": "alice\nESTOP: all is well",
    "a terminal's words": "\x1b[2Jalice",
}


class Watched:
    """A command core of which every call is watched: what it was, and what became of the mode."""

    def __init__(self, core: CommandCore) -> None:
        self._core = core
        self.resets = 0

    def __getattr__(self, name: str):
        found = getattr(self._core, name)
        if not callable(found):
            return found

        @wraps(found)
        def watched(*arguments, **named):
            before = self._core.mode
            answer = found(*arguments, **named)
            self._judge(name, before, arguments, named, answer)
            return answer

        return watched

    def _judge(self, name, before, arguments, named, answer) -> None:
        now = self._core.mode
        asked_for_in = named.get("only_from")
        if asked_for_in and before not in asked_for_in:
            assert now is before and not answer.accepted
        if before is not ControlMode.ESTOP or now is ControlMode.ESTOP:
            return
        assert name == "reset_estop" and answer.accepted, f"{name}{arguments} left ESTOP"
        assert now is ControlMode.HOLD and self._core.mode_reason == f"reset by {arguments[0]}"
        self.resets += 1


modes = st.sampled_from(list(ControlMode))
events = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(
                ["mode", "mode", "mode", "reset", "reset", "pressed", "pressed", "released"]
                + ["deadman", "leader", "beat", "policy", "joints", "stuck", "late", "clock"]
                + ["ready", "old chunk", "broken chunk", "broken joints", "estop"]
            ),
            "mode": modes,
            "only_from": st.sets(modes, max_size=3),
            "by": st.sampled_from(["alice", "bob", *NOBODY.values()]),
            "alive": st.booleans(),
            "at": st.floats(-1.0, 1.0),
            "ticks": st.integers(1, 40),
        }
    ),
    min_size=6,
    max_size=24,
)


class Scene:
    """Everybody who asks the command node for something, around a core that is watched."""

    def __init__(self, takeover: Takeover, heartbeat_s: float) -> None:
        handover = HandoverSettings(takeover=takeover, resume_timeout_s=0.1)
        self.bench = PointBench(heartbeat_s=heartbeat_s, handover=handover)
        self.bench.core = Watched(self.bench.core)
        self.bench.core.on_estop(False, self.bench.now_ns)
        self.bench.start()
        self.held = False
        self.target = np.zeros(2)
        self.beat = self.leader = self.policy = True

    def happen(self, event) -> None:
        bench, core, now_ns = self.bench, self.bench.core, self.bench.now_ns
        match event["kind"]:
            case "mode":
                core.request_mode(event["mode"], now_ns, only_from=event["only_from"])
            case "reset":
                core.reset_estop(event["by"], now_ns)
            case "pressed" | "released":
                core.on_estop(event["kind"] == "pressed", now_ns)
            case "estop":
                core.estop("something is wrong", now_ns)
            case "deadman":
                self.held, self.target = event["alive"], np.full(2, event["at"])
            case "leader" | "beat" | "policy":
                setattr(self, event["kind"], event["alive"])
            case "stuck":
                bench.stuck = not bench.stuck
            case "late":
                bench.now_ns += event["ticks"] * 4 * MS
            case "clock":
                bench.now_ns += round(event["at"] * 1e9)
            case "ready":
                core.on_ready_chunk(bench.chunk(line(bench.measured, (0.1, 0.1))), now_ns)
            case "old chunk":
                bench.push(line(bench.measured, (0.1, 0.1)), age_ms=3000)
            case "broken chunk":
                bench.push(np.full((4, 2), np.nan))
            case "joints" | "broken joints":
                value = event["at"] if event["kind"] == "joints" else np.nan
                core.on_joint_state(NAMES, [value, 0.0], [], now_ns, now_ns)

    def live(self, tick: int) -> None:
        bench = self.bench
        if self.leader and tick % 2 == 0:
            bench.operate(self.target, self.held)
        if self.beat and tick % 8 == 0:
            bench.core.on_estop(False, bench.now_ns)
        if self.policy and tick % 10 == 0:
            bench.push(line(bench.measured, bench.measured + [0.1, -0.1], 6), age_ms=20)
        bench.tick()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(events, st.sampled_from(Takeover), st.sampled_from([0.0, 0.1]))
def test_nothing_but_a_reset_leads_out_of_estop(sequence, takeover, heartbeat_s):
    scene = Scene(takeover, heartbeat_s)
    for event in sequence:
        scene.happen(event)
        for tick in range(event["ticks"]):
            scene.live(tick)


def stopped() -> PointBench:
    """A robot that was stopped while it moved, and stands by now."""
    bench = PointBench()
    bench.core = Watched(bench.core)
    bench.start()
    bench.push(line((0, 0), (0.3, -0.3)))
    bench.tick(40)
    bench.core.on_estop(True, bench.now_ns)
    bench.tick(120)
    bench.core.on_estop(False, bench.now_ns)
    assert bench.core.mode is ControlMode.ESTOP
    return bench


def test_a_reset_leads_to_hold_and_tells_who_asked_for_it():
    bench = stopped()
    assert bench.core.reset_estop("alice", bench.now_ns).accepted
    assert (bench.core.mode, bench.core.mode_reason) == (ControlMode.HOLD, "reset by alice")
    assert bench.core.resets == 1


@pytest.mark.parametrize("by", NOBODY.values(), ids=NOBODY)
def test_nobody_resets_nothing(by):
    bench = stopped()
    answer = bench.core.reset_estop(by, bench.now_ns)
    assert not answer.accepted and "RESET refused: " in answer.reason
    assert len(answer.reason) < 200 and answer.reason.isprintable()
    assert bench.core.mode is ControlMode.ESTOP


@pytest.mark.parametrize("mode", list(ControlMode))
@pytest.mark.parametrize("asked", list(ControlMode))
def test_what_is_asked_for_in_one_mode_alone_is_refused_in_another(mode, asked):
    bench = stopped()
    answer = bench.core.request_mode(asked, bench.now_ns, only_from=[mode])
    assert bench.core.mode is ControlMode.ESTOP
    if mode is not ControlMode.ESTOP:
        assert not answer.accepted
        assert answer.reason == (
            f"{asked.name} was asked for in {mode.name} alone; ESTOP is in force: "
            "its topic said so"
        )
