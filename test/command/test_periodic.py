"""Deadlines are absolute, missed ones are skipped; the clock is a fake one."""

import os
import threading

import pytest

from vla_core.command.periodic import PeriodicLoop
from vla_core.command.realtime import make_realtime

US = 1_000


class FakeClock:
    """Time passes only by sleeping (late by `jitter_ns`) and by `work`."""

    def __init__(self) -> None:
        self.now_ns = 7_000_000
        self.jitter_ns = 0

    def monotonic_ns(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9) + self.jitter_ns

    def work(self, ms: float) -> None:
        self.now_ns += round(ms * 1e6)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def loop(clock) -> PeriodicLoop:
    return PeriodicLoop(200.0, clock.monotonic_ns, clock.sleep)


def test_the_period_does_not_drift_with_the_work(loop, clock):
    loop.wait()
    start_ns = clock.now_ns
    for _ in range(100):
        clock.work(3.0)
        assert loop.wait() == 0
    assert clock.now_ns == start_ns + 100 * 5_000_000
    assert loop.statistics().max_us == 0.0


def test_a_late_wake_up_does_not_delay_the_next(loop, clock):
    loop.wait()
    start_ns = clock.now_ns
    clock.jitter_ns = 200 * US
    loop.wait()
    clock.jitter_ns = 0
    loop.wait()
    assert clock.now_ns == start_ns + 2 * 5_000_000
    statistics = loop.statistics()
    assert statistics.max_us == pytest.approx(200.0) and statistics.missed == 0


def test_missed_deadlines_are_skipped_without_a_burst(loop, clock):
    loop.wait()
    start_ns = clock.now_ns
    clock.work(17.0)
    assert loop.wait() == 2
    assert loop.wait() == 0
    assert clock.now_ns == start_ns + 20_000_000
    assert loop.statistics().missed == 2


def test_time_left_shrinks_with_the_work(loop, clock):
    loop.wait()
    assert loop.time_left_s() == pytest.approx(0.005)
    clock.work(4.0)
    assert loop.time_left_s() == pytest.approx(0.001)
    clock.work(4.0)
    assert loop.time_left_s() == 0.0


def test_statistics_cover_the_newest_ticks(clock):
    loop = PeriodicLoop(200.0, clock.monotonic_ns, clock.sleep, kept=10)
    clock.jitter_ns = 900 * US
    loop.wait()
    loop.wait()
    clock.jitter_ns = 0
    for _ in range(30):
        loop.wait()
    statistics = loop.statistics()
    assert statistics.ticks == 32 and statistics.max_us == 0.0


def test_realtime_says_what_came_of_it(loop, monkeypatch):
    def refuse(*_):
        raise PermissionError("not permitted")

    monkeypatch.setattr("os.sched_setscheduler", refuse)
    assert "no SCHED_FIFO (not permitted)" in loop.make_realtime()


def test_a_whole_process_is_asked_for_thread_by_thread_without_those_that_have_ended(monkeypatch):
    asked = []

    def ask(thread, policy, parameters):
        asked.append((thread, policy, parameters.sched_priority))
        if thread == asked[0][0]:
            raise ProcessLookupError

    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    monkeypatch.setattr("os.sched_setscheduler", ask)
    try:
        assert make_realtime(10, whole_process=True) == "SCHED_FIFO, priority 10"
        every = {threading.get_native_id(), other.native_id}
    finally:
        over.set()
        other.join()
    assert every <= {thread for thread, _, _ in asked}
    assert {row[1:] for row in asked} == {(os.SCHED_FIFO, 10)}


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(ValueError, match="rate_hz: got 0"):
        PeriodicLoop(0)
