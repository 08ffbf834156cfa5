"""Whether joints go the way they are asked to, or the other way first: watched from outside.

Where everything that a joint is asked for lies beyond where it would come to rest, it has no reason
to go back: neither from rest, nor, where it moves the other way, beyond what ends that motion. What
is asked for is the path from now to the limiter's horizon. The watch over a joint ends where it is
asked for something else, and begins anew where it has come farther.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vla_core.command.command import Command
from vla_core.command.command_core import CommandCore
from vla_core.robot.joint_limits import JointLimits
from vla_core.safety.stopping import JointMotion, StopProfile
from vla_core.types import NANOSECONDS, ControlMode

#: What moves a joint on purpose another way than the path asks.
_PUSHED = frozenset({"barrier", "clock_set_back", "clock_set_forward"})

#: Slower than this a joint is at rest [rad/s], with no more acceleration than this [rad/s^2].
_SLOW, _EVEN = 1e-6, 1e-4
#: From rest it may go back by the first; one that moves by the second [rad], and as many times
#: farther than its stop.
_ROUNDING, _SMOOTHLY, _STOPS = 1e-4, 1e-3, 5.0


@dataclass(frozen=True)
class RunUp:
    """A joint that went back.

    Attributes:
        joint: its name.
        way: beyond where it was, or where its motion would have ended [rad].
        stopping: what that motion's end was expected to take [rad].
        from_rest: whether there was none.
    """

    joint: str
    way: float
    stopping: float
    from_rest: bool

    @property
    def is_one(self) -> bool:
        """Whether it is more than rounding, or, of a joint that moved, than turning smoothly."""
        if self.from_rest:
            return self.way > _ROUNDING
        return self.way > _SMOOTHLY + _STOPS * self.stopping


class RunUpMonitor:
    """Watches the commands of one command core in POLICY.

    Args:
        core: whose path is looked at.
        limits: its.
        horizon_s: of its limiter [s].
    """

    def __init__(self, core: CommandCore, limits: JointLimits, horizon_s: float) -> None:
        self._core, self._limits = core, limits
        self._horizon_ns = round(horizon_s * NANOSECONDS)
        self._before: JointMotion | None = None
        self._watched = np.zeros((2, limits.dof), dtype=bool)
        self._rest, self._floor = np.zeros((2, limits.dof)), np.zeros((2, limits.dof))
        self._stopping = np.zeros((2, limits.dof))
        self._rested = np.zeros((2, limits.dof), dtype=bool)

    def check(self, command: Command) -> list[RunUp]:
        """How far joints have gone back in this command, beyond what they may.

        A joint that goes on going back is told of again.
        """
        before, self._before = self._before, None
        if command.active:
            self._before = JointMotion(command.position, command.velocity, command.acceleration)
        asked = self._asked(command)
        if before is None or asked is None or self._is_pushed(command):
            self._watched[:] = False
            return []
        stop = StopProfile(before, self._limits.acceleration, self._limits.jerk)
        lowest, highest = stop.reach()
        asked = np.clip(asked, self._limits.lower, self._limits.upper)
        return [
            *self._check_side(0, before, lowest, highest, asked.min(axis=0), 1.0),
            *self._check_side(1, before, -highest, -lowest, -asked.max(axis=0), -1.0),
        ]

    def _check_side(
        self,
        row: int,
        before: JointMotion,
        lowest: np.ndarray,
        highest: np.ndarray,
        asked: np.ndarray,
        side: float,
    ) -> list[RunUp]:
        """Joints asked to go up, where `side` is 1; all is mirrored, where it is -1."""
        watched, rest, floor = self._watched[row], self._rest[row], self._floor[row]
        stopping = self._stopping[row]
        # begun anew where a joint has come farther, or its motion ends sooner than was seen
        anew = ~watched | (lowest >= floor)
        rest[anew], floor[anew] = highest[anew], lowest[anew]
        stopping[anew] = (side * before.position - lowest)[anew]
        rests = (np.abs(before.velocity) < _SLOW) & (np.abs(before.acceleration) < _EVEN)
        self._rested[row, anew] = rests[anew]
        watched[:] = asked > rest
        back = floor - side * self._before.position
        return [
            RunUp(
                self._limits.names[j], float(back[j]), float(stopping[j]),
                bool(self._rested[row, j]),
            )
            for j in np.flatnonzero(watched & (back > 0.0))
        ]  # fmt: skip

    def _asked(self, command: Command) -> np.ndarray | None:
        """`(looks, dof)` the path from now to the horizon; None where no path is followed."""
        execution = command.execution
        if execution.mode is not ControlMode.POLICY or not command.active:
            return None
        timeline, end_ns = self._core.timeline, self._core.timeline.end_ns
        if end_ns is None or command.status.requested is command.status.commanded:
            return None
        path_ns = command.motion_ns - round(execution.pace.lag_s * NANOSECONDS)
        path_ns = max(path_ns, timeline.start_ns)  # begun by a tick whose clock was a little ahead
        until_ns = min(path_ns + self._horizon_ns, end_ns)
        asked = [command.status.requested]
        if (last := timeline.sample(until_ns)) is not None:
            asked.append(last.position)
        sample = timeline.sample(path_ns)
        while sample is not None and sample.step.due_ns < until_ns:  # no more between two records
            asked.append(sample.step.position)
            sample = timeline.sample(sample.step.due_ns + 1)
        return np.array(asked)

    @staticmethod
    def _is_pushed(command: Command) -> bool:
        names = {constraint.name for constraint in command.status.constraints}
        return bool(names & _PUSHED)
