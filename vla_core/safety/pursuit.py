"""Time-optimal way of each joint to a far target, with ruckig.

Every joint on its own: synchronised, one far joint would slow down all others. No waypoints: ruckig
sends those to a service on the network.
"""

from __future__ import annotations

import numpy as np
from ruckig import InputParameter, OutputParameter, Result, Ruckig, RuckigError, Synchronization

from vla_core.robot.joint_limits import JointLimits
from vla_core.safety.stopping import JointMotion


class TimeOptimalPursuit:
    """Ruckig's next step for chosen joints.

    Args:
        limits: velocity, acceleration and jerk are held; positions are the limiter's business
            (this edition of ruckig has no position limits).
        period_s: length of a step [s].
    """

    def __init__(self, limits: JointLimits, period_s: float) -> None:
        self._otg = Ruckig(limits.dof, period_s)
        self._input = InputParameter(limits.dof)
        self._input.synchronization = Synchronization.No
        self._input.max_velocity = limits.velocity.tolist()
        self._input.max_acceleration = limits.acceleration.tolist()
        self._input.max_jerk = limits.jerk.tolist()
        self._output = OutputParameter(limits.dof)

    def step(
        self, motion: JointMotion, goal: np.ndarray, velocity: np.ndarray, joints: np.ndarray
    ) -> tuple[JointMotion, str]:
        """One period towards `goal` at `velocity`, of the joints that are asked for.

        Args:
            motion: where to start, finite.
            goal, velocity: `(dof,)` the state to end in [rad], [rad/s].
            joints: `(dof,)` bool; the others come back with ruckig's leftovers and mean nothing.

        Returns:
            The motion after one period, and what went wrong ("" if nothing; the motion is then
            `motion` itself, which is no step).
        """
        given = self._input
        given.enabled = joints.tolist()
        given.current_position = motion.position.tolist()
        given.current_velocity = motion.velocity.tolist()
        given.current_acceleration = motion.acceleration.tolist()
        given.target_position = goal.tolist()
        given.target_velocity = velocity.tolist()
        try:
            result = self._otg.update(given, self._output)
        except RuckigError as error:
            return motion, str(error)
        if result not in (Result.Working, Result.Finished):
            return motion, str(result)
        out = self._output
        return JointMotion(
            np.array(out.new_position), np.array(out.new_velocity), np.array(out.new_acceleration)
        ), ""
