"""POLICY begins with the plan that is there, from where the robot stands."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.types import ControlMode


def hold(bench) -> None:
    bench.tick()
    assert bench.core.request_mode(ControlMode.HOLD, bench.now_ns).accepted


def begin(bench) -> None:
    assert bench.core.request_mode(ControlMode.POLICY, bench.now_ns).accepted


def away(bench, horizon: int = 12) -> str:
    """A chunk of now that leaves where the robot stands, ever faster."""
    return bench.push(bench.measured + 0.005 * np.arange(horizon)[:, None] ** 2 * [1.0, -1.0])


def test_the_newest_plan_made_while_the_robot_stood_is_gone_from_its_beginning(bench):
    """A third of a second old, it was cut: the robot ran after it, each joint as fast as it could."""
    hold(bench)
    for _ in range(2):  # the second one came upon the first, of which a step was kept before it
        assert away(bench) == ""
        bench.tick(66)
    stood = bench.measured
    begin(bench)
    command = bench.tick(41)
    assert (command.execution.chunk_sequence, command.execution.step) == (2, 2)
    assert command.execution.pace.lag_s == pytest.approx(0.335)
    assert command.position - stood == pytest.approx([0.02, -0.02], abs=2e-3)
    assert np.abs(np.diff(bench.positions(), axis=0)).max() / 0.005 < 0.4  # [rad/s]; cut, above 1


def test_the_next_one_is_joined_at_the_wall_clock(bench):
    hold(bench)
    away(bench)
    bench.tick(60)
    begin(bench)
    bench.tick(20)
    away(bench)
    assert bench.tick(1).execution.pace.lag_s == 0.0


def test_a_plan_that_is_over_is_not_begun(bench):
    hold(bench)
    away(bench, horizon=3)
    stood = bench.tick(60).position
    begin(bench)
    assert bench.tick(40).position.tolist() == stood.tolist()
