"""Delay is the worst of the newest chunks, counted in steps, without the warm-up."""

from vla_core.execution.delay import KEPT, WARM_UP, DelayTracker


def test_before_anything_is_counted_the_estimate_is_what_was_given():
    assert DelayTracker().steps == 0
    assert DelayTracker(initial=3).steps == 3


def test_warm_up_is_left_out():
    tracker = DelayTracker()
    for _ in range(WARM_UP):
        tracker.add(40)
    tracker.add(2)
    assert tracker.steps == 2


def test_the_estimate_is_the_largest_and_forgets_what_is_long_ago():
    tracker = DelayTracker()
    for steps in [0] * WARM_UP + [5, 1, 2]:
        tracker.add(steps)
    assert tracker.steps == 5
    for _ in range(KEPT):
        tracker.add(1)
    assert tracker.steps == 1
