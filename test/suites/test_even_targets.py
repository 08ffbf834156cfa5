"""The simulated robot is where it was told to be at each moment, however seldom physics is run."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.suites.even_targets import step_towards


class Servo:
    """A scene of one joint, which is at once where it is commanded; notes that, and for how long."""

    def __init__(self) -> None:
        self.targets = np.array([1.0])
        self.gone: list[tuple[float, float]] = []

    def set_targets(self, position: np.ndarray) -> None:
        self.targets = position

    def step(self, duration_s: float) -> None:
        self.gone.append((float(self.targets[0]), duration_s))


def test_what_is_caught_up_with_is_gone_evenly_not_by_a_leap():
    servo = Servo()
    step_towards(servo, np.array([1.6]), duration_s=0.03, period_s=0.005)
    assert servo.gone == [pytest.approx((1.0 + 0.1 * part, 0.005)) for part in range(1, 7)]


@pytest.mark.parametrize("duration_s", [0.0, 0.002, 0.006])
def test_in_about_a_period_the_command_is_taken_as_it_is(duration_s):
    servo = Servo()
    step_towards(servo, np.array([1.6]), duration_s, period_s=0.005)
    assert servo.gone == [pytest.approx((1.6, duration_s))]
