"""The motion that is commanded: where it begins, a period at a time, and how it would stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vla_core.command.command import CommandSettings, StopTail
from vla_core.command.path_follower import Reference
from vla_core.command.start import start_motion, why_not_start
from vla_core.observation.joint_state import JointState
from vla_core.robot.joint_limits import JointLimits
from vla_core.safety.limits import JointLimiter
from vla_core.safety.motion_filter import MotionFilter
from vla_core.safety.stopping import EmergencyProfile, JointMotion, StopProfile
from vla_core.types import ActiveConstraint

if TYPE_CHECKING:
    from vla_core.safety.collision import CollisionModel

_STILL = 1e-9
#: Longest gap in commands that the servos of a robot without a stopping tail do not feel [s].
_BRIDGED_S = 0.02


class CommandedMotion:
    """Moves the command inside the limits, and knows the stop that each command ends in.

    Args:
        limits: what every command is held to.
        settings: period and tolerances.
        collision: distances and hand speeds; None leaves them out.

    Attributes:
        now: the last command; None while nothing is commanded.
        horizon_s: how far ahead of the last command a reference is given [s].
    """

    def __init__(
        self, limits: JointLimits, settings: CommandSettings, collision: CollisionModel | None
    ) -> None:
        self._limits, self._settings = limits, settings
        self._positions_alone = np.isin(limits.names, settings.positions_alone)
        self._limiter = JointLimiter(limits, settings.period_s, settings.horizon_s)
        self._filter = MotionFilter(
            self._limiter,
            collision,
            settings.reserve_m,
            settings.barrier_rate_per_s,
            settings.stop_step_s,
        )
        self.now: JointMotion | None = None
        self.horizon_s = self._limiter.horizon_s
        self._stop: StopProfile | EmergencyProfile | None = None
        self._brake: Callable[[JointMotion], StopProfile | EmergencyProfile] | None = None

    def why_not_start(self, measured: JointState) -> str:
        """What keeps the command from beginning where the robot is; "" when nothing does."""
        return why_not_start(measured, self.now, self._limits, self._settings)

    def start(self, measured: JointState) -> None:
        """Begin at rest where the robot is."""
        self.now = start_motion(measured, self._limits).frozen()
        self._filter.start(self.now.position)

    def end(self) -> None:
        """Nothing is commanded."""
        self.now = self._stop = None

    def release_brake(self) -> None:
        """Whatever was braked for is over."""
        self._brake = None

    @property
    def is_still(self) -> bool:
        """Whether the command stands still, or there is none."""
        now = self.now
        return now is None or bool(
            (np.abs(now.velocity) < _STILL).all() and (now.acceleration == 0).all()
        )

    def resting_position(self) -> np.ndarray:
        """Where the command would come to rest, `(dof,)`."""
        rest = self._limiter.stop_profile(self.now)
        return rest.at(float(rest.duration_s.max())).position

    def catch_up(self, missed: int) -> bool:
        """Go on from where each joint was taken by the last command while ticks were missed.

        Whether all have come to rest by that. Not in a gap that nobody feels: at a motion's first
        ticks the robot is so slow that it would come to rest in any.
        """
        if missed <= 0 or self.now is None or self._stop is None:
            return False
        moved = not self.is_still
        missed_s = missed * self._settings.period_s
        left = self.now.position
        self.now = self._stop.at(missed_s)
        if missed_s > _BRIDGED_S:
            self.now = self.now.with_at_rest(self._positions_alone, left)
        return moved and missed_s > _BRIDGED_S and self.is_still

    def advance(
        self,
        reference: Reference | None,
        hand_speed: float,
        emergency: bool,
        constraints: list[ActiveConstraint],
    ) -> bool:
        """One period of braking in an emergency, of stopping without a reference, or of following.

        Whether a permitted command came of it; if not, the last position is latched.

        Args:
            hand_speed: largest speed of a hand [m/s].
            constraints: what kept the command from the reference is added.
        """
        before = self.now
        if emergency:
            after = self._braked(before)
        elif reference is None:
            after = self._limiter.stop_step(before)
        else:
            step = self._filter.step(before, reference.position, reference.velocity, hand_speed)
            constraints.extend(step.constraints)
            after = step.motion
        permitted = self._limiter.permits(after)
        self.now = (after if permitted else JointMotion.at_rest(before.position)).frozen()
        return permitted

    def tail(self) -> StopTail:
        """The command, then its stop: braking, where it brakes."""
        self._stop = (self._brake or self._limiter.stop_profile)(self.now)
        stop = self._stop.sampled(self._settings.stop_step_s)
        return StopTail.along(stop, self._settings.period_s)

    def _braked(self, motion: JointMotion) -> JointMotion:
        """A period of the shortest stop, or of the usual one where that does not keep distances."""
        if self._brake is None:
            clear = self._filter.emergency_is_clear(motion)
            limiter = self._limiter
            self._brake = limiter.emergency_profile if clear else limiter.stop_profile
        return self._brake(motion).at(self._settings.period_s)
