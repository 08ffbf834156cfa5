"""The operator's targets as the limiter is asked for them."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.handover.operator import Targets
from vla_core.handover.operator_follower import OperatorFollower
from vla_core.robot.model import RobotModel
from vla_core.safety.limits import JointLimiter
from vla_core.safety.stopping import JointMotion

PERIOD_S = 0.005


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("speed", [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("push", [-0.3, 0.0, 0.3])
def test_joints_that_go_the_other_way_turn_round_soon(share, speed, push):
    """Asked to turn faster than it can a joint took a run-up, up to 3 rad the wrong way."""
    limits = RobotModel.load("g1_inspire").limits
    limiter = JointLimiter(limits, PERIOD_S)
    follower = OperatorFollower(limits, None, limiter.horizon_s)
    middle, zero = (limits.lower + limits.upper) / 2, np.zeros(limits.dof)
    reach = np.minimum(0.3, (limits.upper - limits.lower) / 4)
    motion = JointMotion(middle, -speed * limits.velocity, push * limits.acceleration)
    rest = limiter.stop_profile(motion)
    stopping = middle - rest.at(rest.duration_s).position
    targets = Targets(np.arange(limits.dof), middle + reach, zero)
    follower.begin(middle)
    farthest = zero.copy()
    for _ in range(1000):
        goal = follower.goal(motion, targets, share, 1.0)
        motion = limiter.step(motion, goal.position, goal.velocity).motion
        farthest = np.maximum(farthest, middle - motion.position)
    assert (farthest <= 5.0 * stopping + 0.02).all()
    assert motion.position == pytest.approx(middle + reach, abs=0.02)
