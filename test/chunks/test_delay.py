"""Delay is the worst of the newest chunks, counted in steps, without the warm-up."""

import pytest

from vla_core.chunks.delay import KEPT, WARM_UP, DelayTracker, Lateness, joined_steps
from vla_core.types import Pace


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


@pytest.mark.parametrize(
    ("delay", "limit", "speed"),
    [(6, 6, 1.0), (7, 6, 5 / 6), (9, 6, 0.5), (12, 6, 0.0), (40, 6, 0.0), (99, None, 1.0),
     (0, 0, 1.0), (1, 0, 0.0)],
)  # fmt: skip
def test_beyond_the_limit_the_path_slows_down_and_stands_still_at_twice_it(delay, limit, speed):
    lateness = Lateness("rtc", delay, limit)
    assert lateness.path_speed == pytest.approx(speed)
    assert lateness.exceeded == (limit is not None and delay > limit)


def test_what_is_said_has_the_number_and_the_limit():
    slower, held = str(Lateness("rtc", 9, 6)), str(Lateness("rtc", 12, 6))
    assert slower.startswith("delay of 9 steps, rtc absorbs 6: path speed 0.50;")
    assert held.startswith("delay of 12 steps, rtc absorbs 6: the robot holds;")


@pytest.mark.parametrize(("speed", "steps"), [(1.0, 12), (0.6, 12), (0.1, 2), (0.0, 2)])
def test_a_plan_that_is_held_up_is_joined_no_further_than_it_will_be_executed(speed, steps):
    assert joined_steps(12, 2, Pace(speed=speed)) == steps
