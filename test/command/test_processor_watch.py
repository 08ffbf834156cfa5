"""A loop that did not run when it should have tells from when to when."""

import multiprocessing
import os
import signal
import threading
import time

import pytest

from vla_core.command.processor_watch import ProcessorWatch

TIMEOUT_S = 30.0
AWAY_S = 0.02


def realtime_is_permitted() -> bool:
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return False
    os.sched_setscheduler(0, *before)
    return True


def test_an_absence_is_told_with_its_begin_and_its_end():
    """A watch that is stopped stands for a processor that is taken away."""
    if not realtime_is_permitted():
        pytest.skip("SCHED_FIFO is not permitted")
    end_s = time.monotonic() + TIMEOUT_S
    others = multiprocessing.active_children()  # of the tests before, on their way out
    with ProcessorWatch() as watch:
        watches = [child for child in multiprocessing.active_children() if child not in others]
        assert len(watches) == len(os.sched_getaffinity(0))
        while True:
            assert time.monotonic() < end_s, "no absence was told"
            begin_ns = time.time_ns()
            os.kill(watches[0].pid, signal.SIGSTOP)
            threading.Event().wait(AWAY_S)
            stop_ns = time.time_ns()
            os.kill(watches[0].pid, signal.SIGCONT)
            told = [gone for gone in watch.absences() if gone.begin_ns > begin_ns - 2_000_000]
            if any(gone.end_ns >= stop_ns > gone.begin_ns for gone in told):
                break
            threading.Event().wait(AWAY_S)
    assert not any(process.is_alive() for process in watches)


def test_where_it_may_not_be_first_it_knows_nothing():
    """An ordinary loop is late for other reasons. No system grants a priority of 100."""
    end_s = time.monotonic() + TIMEOUT_S
    with ProcessorWatch(priority=100) as watch:
        while watch.absences() is not None:
            assert time.monotonic() < end_s, "it goes on watching"
