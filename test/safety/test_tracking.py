"""A robot that is not where it is told to be is noticed by its positions."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.safety.tracking import TrackingGuard
from vla_core.types import NANOSECONDS

PERIOD_S, STOP = 0.005, 0.35


@pytest.mark.parametrize("speed", [0.5, 2.5, 15.0])
def test_a_joint_that_runs_away_is_noticed_a_measurement_after_its_limit(speed):
    guard = TrackingGuard(("elbow",), np.array([0.15]), np.array([STOP]), PERIOD_S)
    period_ns = round(PERIOD_S * NANOSECONDS)
    for tick in range(1, 1000):
        guard.sent((tick - 1) * period_ns, np.zeros(1))
        guard.measured(tick * period_ns, np.array([speed * tick * PERIOD_S]))
        if guard.problem:
            break
    assert speed * (tick - 1) * PERIOD_S < STOP <= speed * tick * PERIOD_S + 1e-9
