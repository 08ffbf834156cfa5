"""The command core in stepped time: a robot that got stuck stands, and goes on when it is free."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.command.filtered_executor import FilteredExecutor
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.types import NANOSECONDS, ControlMode

FINGER = "left_thumb_proximal_yaw_joint"


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_inspire")


def run(executor: FilteredExecutor, position: np.ndarray, ticks: range) -> ControlMode:
    """The robot stands at `position` for some ticks; the mode after them."""
    for tick in ticks:
        now_ns = round(tick * executor.period_s * NANOSECONDS)
        executor.tick(now_ns, position, np.zeros_like(position))
    return executor.core.mode


def test_a_robot_with_a_jammed_finger_is_held_until_it_is_free(robot):
    executor = FilteredExecutor(robot, CommandSafety.of(robot))
    jammed = robot.ready_pose.copy()
    jammed[robot.index(FINGER)] -= 1.2
    assert run(executor, robot.ready_pose, range(200)) == ControlMode.POLICY
    assert run(executor, jammed, range(200, 600)) == ControlMode.HOLD
    assert run(executor, robot.ready_pose, range(600, 1000)) == ControlMode.POLICY

