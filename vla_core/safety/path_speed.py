"""How fast a planned path is run through: a speed in [0, 1], limited in its change.

The robot goes along path(s), where path time s advances by `speed` seconds a second. Braking slows
s down, so the robot stays on the path it was given. The limits of the speed's change follow from
those of the joints: at the fastest permitted joint speed, braking along the path asks of no joint
more than its acceleration and jerk:

    d speed / dt <= min(acceleration / velocity),  d^2 speed / dt^2 <= min(jerk / velocity).

The path's own curvature comes on top and is left to the limiter.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ruckig import ControlInterface, InputParameter, Ruckig, Trajectory

from vla_core.robot.joint_limits import JointLimits

_NEAR = 1e-6


class PathPreview(NamedTuple):
    """Path time gained [s], and path speed then."""

    way_s: float
    speed: float


class PathSpeed:
    """The speed along a path, moved smoothly to what is allowed.

    Args:
        limits: of the joints that move along the path.

    Attributes:
        value: path seconds a second, in [0, 1].
        braking, jerk: most it changes, and most that change changes [1/s], [1/s^2].
    """

    def __init__(self, limits: JointLimits) -> None:
        self.value = 1.0
        self.braking = float((limits.acceleration / limits.velocity).min())
        self.jerk = float((limits.jerk / limits.velocity).min())
        self._change = 0.0
        self._steady = True
        self._ruckig = Ruckig(1)
        self._trajectory = Trajectory(1)
        self._input = InputParameter(1)
        self._input.control_interface = ControlInterface.Velocity
        self._input.current_position = [0.0]
        self._input.target_acceleration = [0.0]
        self._input.max_acceleration = [self.braking]
        self._input.max_jerk = [self.jerk]

    @property
    def lead_s(self) -> float:
        """Path time that passes while braking builds up, at full speed [s]."""
        return self.braking / self.jerk

    @property
    def sight_s(self) -> float:
        """How far ahead a limit must be seen to be kept from full speed [s of path time]."""
        return self.lead_s + 1.0 / self.braking

    def allowed_before(self, way_s: float, speed: float) -> float:
        """Speed from which `speed` can be reached within `way_s` of path time.

        Brakes at half the limit, and leaves room for the time until braking has built up.
        """
        room_s = max(0.0, way_s - self.lead_s * self.value)
        return math.sqrt(speed * speed + self.braking * room_s)

    def restart(self, speed: float) -> None:
        """Begin at `speed`, for a robot that stands still."""
        self.value, self._change = min(max(speed, 0.0), 1.0), 0.0

    def plan(self, allowed: float) -> None:
        """Head for the speed `allowed`, cut to [0, 1]; what follows is previewed and advanced."""
        allowed = min(max(allowed, 0.0), 1.0)
        if abs(self.value - allowed) < _NEAR and abs(self._change) < _NEAR:
            self.value, self._change = allowed, 0.0
            self._steady = True
            return
        self._steady = False
        self._input.current_velocity = [self.value]
        self._input.current_acceleration = [self._change]
        self._input.target_velocity = [allowed]
        self._ruckig.calculate(self._input, self._trajectory)

    def preview(self, time_s: float) -> PathPreview:
        """Where the plan leads in `time_s`."""
        if self._steady:
            return PathPreview(self.value * time_s, self.value)
        position, velocity, _ = self._trajectory.at_time(time_s)
        return PathPreview(position[0], min(max(velocity[0], 0.0), 1.0))

    def advance(self, time_s: float) -> float:
        """Go on for `time_s` as planned; returns the path time gained [s]."""
        if self._steady:
            return self.value * time_s
        position, velocity, acceleration = self._trajectory.at_time(time_s)
        self.value, self._change = min(max(velocity[0], 0.0), 1.0), acceleration[0]
        return position[0]
