"""Inference sees the newest input only, at its rate, and survives what it raises."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from vla_core.observation.pacing import StampPacer
from vla_core.types import NANOSECONDS
from vla_nodes.nodes.inference_worker import InferenceWorker

TIMEOUT_S = 10.0


class SlowComputation:
    """Takes an input only when the test lets it."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.began = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)

    def __call__(self, item: int) -> None:
        self.seen.append(item)
        self.began.release()
        assert self.go_on.acquire(timeout=TIMEOUT_S)
        if item < 0:
            raise ValueError(f"got {item}")


@pytest.fixture
def slow():
    computation = SlowComputation()
    errors: list[Exception] = []
    worker = InferenceWorker(computation, errors.append, rate_hz=1000.0)
    worker.start()
    yield computation, errors, worker
    computation.go_on.release(100)
    worker.stop()
    assert not worker._thread.is_alive()


def test_what_came_while_computing_is_skipped_but_for_the_newest(slow):
    computation, _, worker = slow
    worker.offer(1, 1 * NANOSECONDS)
    assert computation.began.acquire(timeout=TIMEOUT_S)
    for item in (2, 3, 4):
        worker.offer(item, item * NANOSECONDS)
    computation.go_on.release()
    assert computation.began.acquire(timeout=TIMEOUT_S)
    assert computation.seen == [1, 4]
    assert worker.skipped == 2


def test_it_is_busy_until_nothing_waits_any_more(slow):
    computation, _, worker = slow
    assert not worker.busy
    worker.offer(1, 1 * NANOSECONDS)
    assert worker.busy
    assert computation.began.acquire(timeout=TIMEOUT_S)
    worker.offer(2, 2 * NANOSECONDS)
    computation.go_on.release()
    assert computation.began.acquire(timeout=TIMEOUT_S)
    assert worker.busy


def test_an_error_is_told_and_the_next_input_computed(slow):
    computation, errors, worker = slow
    computation.go_on.release(2)
    worker.offer(-1, 1 * NANOSECONDS)
    assert computation.began.acquire(timeout=TIMEOUT_S)
    worker.offer(2, 2 * NANOSECONDS)
    assert computation.began.acquire(timeout=TIMEOUT_S)
    assert [str(error) for error in errors] == ["got -1"]


def passed(rate_hz: float, stamps_s: list[float]) -> list[float]:
    pacer = StampPacer(rate_hz)
    return [s for s in stamps_s if pacer.due(round(s * NANOSECONDS))]


def test_a_slower_pace_takes_every_third():
    assert passed(10.0, [k / 30 for k in range(9)]) == [0, 3 / 30, 6 / 30]


def test_jitter_does_not_halve_an_equal_rate():
    stamps = [k / 30 + (0.004 if k % 2 else -0.004) for k in range(90)]
    assert len(passed(30.0, stamps)) == 90


def test_a_rate_in_between_is_kept_on_average():
    assert len(passed(20.0, [k / 30 for k in range(300)])) == pytest.approx(200, abs=2)


def test_after_a_pause_nothing_is_made_up_for():
    assert passed(10.0, [0.0, 5.0, 5.01, 5.02, 5.1]) == [0.0, 5.0, 5.1]


def test_a_clock_that_is_set_back_starts_the_pace_again():
    assert passed(10.0, [100.0, 100.1, 3.0, 3.05, 3.1]) == [100.0, 100.1, 3.0, 3.1]
