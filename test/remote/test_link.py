"""A server is never trusted with time: what may be executed, what is counted instead."""

from __future__ import annotations

from collections import deque

import pytest

from vla_core.errors import ChunkError, PolicyError
from vla_core.policies.remote.contract import Times
from vla_core.policies.remote.link import FIRST_PAUSE_S, LONGEST_PAUSE_S, Link
from vla_core.policies.remote.wire import ServerError, WireError

TIMES = Times(deadline_s=1.0, connect_s=1.0, lost_s=10.0)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class ScriptedWire:
    """Plays a script: a reply, None for none in time, an error, or something to do first."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.script, self.sent, self.opened, self.up = clock, deque(), 0, 0, True

    def open(self, timeout_s):
        if not self.up:
            raise WireError("nobody there")
        self.opened += 1
        return {}

    def send(self, request):
        self.sent += 1

    def receive(self, timeout_s):
        played = self.script.popleft()
        if callable(played):
            played = played()
        if played is None:
            self.clock.now_s += timeout_s
            raise TimeoutError
        if isinstance(played, Exception):
            raise played
        return played

    def close(self):
        pass


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def wire(clock):
    return ScriptedWire(clock)


@pytest.fixture
def link(wire, clock):
    link = Link(wire, lambda metadata: None, TIMES, clock)
    link.open()
    return link


def test_a_reply_in_time_is_given(link, wire):
    wire.script.append({"actions": 1})
    assert link.ask({}) == {"actions": 1}
    assert link.counts == {"connections": 1}


def test_a_late_reply_is_thrown_away_and_the_next_request_gets_its_own(link, wire):
    wire.script.extend([None, {"actions": "late"}, {"actions": "mine"}])
    with pytest.raises(ChunkError, match="no reply within 1 s"):
        link.ask({})
    assert link.ask({}) == {"actions": "mine"}
    assert link.counts["late"] == link.counts["late replies thrown away"] == 1
    assert link.counts["connections"] == 1


def test_a_slow_server_is_asked_nothing_more_until_it_has_answered(link, wire):
    wire.script.extend([None, None, None])
    for expected in ("late", "waiting", "waiting"):
        with pytest.raises(ChunkError, match=expected):
            link.ask({})
    assert wire.sent == 1


def test_a_silent_server_is_given_up_with_its_connection(link, wire, clock):
    wire.script.extend([None, None, {"actions": "mine"}])
    with pytest.raises(ChunkError):
        link.ask({})
    clock.now_s += TIMES.lost_s
    with pytest.raises(ChunkError, match="silent for 10 s"):
        link.ask({})
    clock.now_s += FIRST_PAUSE_S
    assert link.ask({}) == {"actions": "mine"} and wire.opened == 2


def test_a_reply_to_what_was_told_before_is_not_given(link, wire):
    def reset_meanwhile():
        link.reset()
        return {"actions": "of the old instruction"}

    wire.script.extend([reset_meanwhile, {"actions": "new"}])
    with pytest.raises(ChunkError, match="cancelled"):
        link.ask({})
    assert link.ask({}) == {"actions": "new"}


def test_a_reply_after_the_deadline_is_refused_even_where_the_wire_gave_it(link, wire, clock):
    def slow():
        clock.now_s += 1.5
        return {"actions": 1}

    wire.script.append(slow)
    with pytest.raises(ChunkError, match="over 1 s"):
        link.ask({})


@pytest.mark.parametrize("error", [WireError("closed"), ServerError("traceback")])
def test_after_an_error_it_connects_anew(link, wire, clock, error):
    wire.script.extend([error, {"actions": 1}])
    with pytest.raises(ChunkError):
        link.ask({})
    with pytest.raises(ChunkError, match="waits"):
        link.ask({})
    clock.now_s += FIRST_PAUSE_S
    assert link.ask({}) == {"actions": 1} and wire.opened == 2


def test_pauses_double_up_to_a_limit(link, wire, clock):
    wire.script.append(WireError("closed"))
    wire.up = False
    with pytest.raises(ChunkError):
        link.ask({})
    pause_s, pauses = FIRST_PAUSE_S, []
    for _ in range(8):
        clock.now_s += 0.99 * pause_s
        with pytest.raises(ChunkError, match="waits"):
            link.ask({})
        clock.now_s += 0.02 * pause_s
        with pytest.raises(ChunkError, match="nobody there"):
            link.ask({})
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        pauses.append(pause_s)
    assert pauses[-1] == LONGEST_PAUSE_S


def test_another_server_in_its_place_is_refused(wire, clock):
    said = deque([None, PolicyError("p", "metadata 'action_dim': …")])

    def check(metadata):
        if (problem := said.popleft()) is not None:
            raise problem

    link = Link(wire, check, TIMES, clock)
    link.open()
    wire.script.append(WireError("restarted"))
    with pytest.raises(ChunkError):
        link.ask({})
    clock.now_s += FIRST_PAUSE_S
    with pytest.raises(ChunkError, match="action_dim"):
        link.ask({})
    assert wire.sent == 1
