"""Joint states of a whole robot, out of messages that may each hold some of its joints.

Arms and hands often come from publishers of their own, on one topic or on several, each at its own
rate. Every joint's two newest values are kept with their stamps. A state is whole as of the stamp
of the joint that is the oldest; the others are interpolated to that time (the earlier of the two
values where both are newer: at the begin, and where a message came late). So a state is never newer
than its oldest joint, and where one publisher falls silent the state ages, as it does where all do.

A velocity that is not told (none, fewer than names, NaN) is derived: the mean over `VELOCITY_OVER_S`
of the positions' differences.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from vla_core.errors import ObservationError
from vla_core.observation.joint_state import JointState, JointStateReader, JointValues
from vla_core.types import NANOSECONDS, VELOCITY_OVER_S

#: Joints that are this much older than the newest are named as missing [ns].
_BEHIND_NS = 100_000_000
_NAMED = 6
_DERIVED_OVER_NS = round(VELOCITY_OVER_S * NANOSECONDS)


class JointStates:
    """Takes messages, gives whole states. Live nodes, replays and conversions read with it.

    Args:
        joint_names: canonical order.

    Attributes:
        derived: states whose velocity was not told, but derived.
    """

    def __init__(self, joint_names: Sequence[str]) -> None:
        self._joint_names = tuple(joint_names)
        self._reader = JointStateReader(joint_names)
        self.derived = 0
        self.restart()

    def restart(self) -> None:
        """Forget what has come: the clock was set back."""
        dof = len(self._joint_names)
        self._whole: JointState | None = None
        self._stamps_ns = np.zeros(dof, dtype=np.int64)
        self._before_ns = np.zeros(dof, dtype=np.int64)
        self._position, self._before = np.zeros(dof), np.zeros(dof)
        self._velocity = np.zeros(dof)
        self._oldest_ns = 0
        self._foreign: tuple[str, ...] = ()
        self._recent: deque[tuple[int, np.ndarray]] = deque()

    def take(
        self, names: Sequence[str], position: np.ndarray, velocity: np.ndarray, stamp_ns: int
    ) -> JointState | None:
        """Take a message.

        Args:
            names: joints, in the order of the arrays; those of other robots are ignored.
            position: one number a name.
            velocity: one number a name, or unknown: empty, fewer, NaN.
            stamp_ns: when they were measured [ns].

        Returns:
            The robot's state, where the message makes it newer; None while joints are missing.

        Raises:
            JointMismatchError: a joint is named twice.
            ObservationError: wrong length, not finite, without a stamp, or older than what came.
        """
        values = self._reader.read(names, position, velocity)
        if stamp_ns <= 0:
            raise ObservationError(
                "joint state: its stamp is empty (0): whoever publishes it has to set header.stamp "
                "to the time of the measurement"
            )
        if values.is_whole:
            state = JointState(stamp_ns, values.position, values.velocity)
            self._whole = state
        elif not len(values.places):
            self._foreign = tuple(names)
            return None
        else:
            self._take_part(values, stamp_ns)
            state = self._merged()
            if state is None:
                return None
        return state if state.velocity is not None else self._with_velocity(state)

    def lacking(self, now_ns: int | None = None) -> str:
        """Which joints keep the state from being whole or new, and how old they are; "" if none.

        Args:
            now_ns: to tell ages by; None: by the newest joint's stamp.
        """
        if self._whole is not None:
            return ""
        total = len(self._joint_names)
        never = [n for n, at_ns in zip(self._joint_names, self._stamps_ns, strict=True) if not at_ns]
        if len(never) == total:
            other = f"; what came names {_some(self._foreign)}" if self._foreign else ""
            return f"no joint state of this robot has come{other}"
        if never:
            return f"no value of {_some(never)} has come ({len(never)} of {total} joints)"
        newest_ns = int(self._stamps_ns.max()) if now_ns is None else now_ns
        old = self._stamps_ns < newest_ns - _BEHIND_NS
        if not old.any():
            return ""
        names = [self._joint_names[place] for place in np.flatnonzero(old)]
        age_s = (newest_ns - int(self._stamps_ns.min())) / NANOSECONDS
        return f"{_some(names)} ({len(names)} of {total} joints): last told {age_s:.2f} s ago"

    def _take_part(self, values: JointValues, stamp_ns: int) -> None:
        """Keep the newest two values of each joint."""
        whole, places = self._whole, values.places
        if whole is not None:  # who told all of them until now
            self._stamps_ns[:] = self._before_ns[:] = whole.stamp_ns
            self._position[:] = self._before[:] = whole.position
            self._oldest_ns, self._whole = whole.stamp_ns, None
        newest_ns = int(self._stamps_ns[places].max())
        if stamp_ns < newest_ns:
            late_s = (newest_ns - stamp_ns) / NANOSECONDS
            raise ObservationError(
                f"joint state: {late_s:.3f} s older than the one before of "
                f"{self._joint_names[places[0]]}"
            )
        first = not newest_ns
        self._before_ns[places] = stamp_ns if first else self._stamps_ns[places]
        self._before[places] = values.position if first else self._position[places]
        self._stamps_ns[places], self._position[places] = stamp_ns, values.position
        self._velocity[places] = np.nan if values.velocity is None else values.velocity

    def _merged(self) -> JointState | None:
        """Every joint as of the oldest one's stamp; None where that is no news."""
        oldest_ns = int(self._stamps_ns.min())
        if oldest_ns <= self._oldest_ns:
            return None
        self._oldest_ns = oldest_ns
        span_ns = self._stamps_ns - self._before_ns
        share = np.clip((oldest_ns - self._before_ns) / np.maximum(span_ns, 1), 0.0, 1.0)
        position = self._before + share * (self._position - self._before)
        known = np.isfinite(self._velocity).all()
        return JointState(oldest_ns, position, self._velocity.copy() if known else None)

    def _with_velocity(self, state: JointState) -> JointState:
        """With the mean over `VELOCITY_OVER_S`, or over what there is; zero at the first."""
        self.derived += 1
        recent, stamp_ns = self._recent, state.stamp_ns
        if recent and stamp_ns < recent[-1][0]:
            recent.clear()
        recent.append((stamp_ns, state.position))
        while len(recent) > 2 and recent[1][0] <= stamp_ns - _DERIVED_OVER_NS:
            recent.popleft()
        before_ns, before = recent[0]
        span_s = (stamp_ns - before_ns) / NANOSECONDS
        velocity = (state.position - before) / span_s if span_s else np.zeros_like(before)
        return JointState(stamp_ns, state.position, velocity)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return f"{shown}, …" if len(names) > _NAMED else shown or "nothing"
