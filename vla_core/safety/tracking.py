"""Whether the robot is where it is commanded: the command may not run away from it."""

from __future__ import annotations

from collections import deque

import numpy as np

from vla_core.types import NANOSECONDS, ActiveConstraint

#: How long commands are kept to be compared with measurements [s].
_KEPT_S = 0.5


class TrackingGuard:
    """Compares each measured position with the command of its time.

    Between `slow` and `stop` the path is slowed down in proportion; at `stop` the robot stops. The
    command then stands still, so the error does not wind up.

    Args:
        names: the joints.
        slow, stop: `(dof,)` errors at which slowing begins, and at which the robot stops [rad].
        period_s: between two commands [s].
    """

    def __init__(
        self, names: tuple[str, ...], slow: np.ndarray, stop: np.ndarray, period_s: float
    ) -> None:
        self._names = names
        self._slow, self._stop, self._between = slow, stop, stop - slow
        self._period_ns = round(period_s * NANOSECONDS)
        kept = max(2, int(_KEPT_S / period_s))
        self._commands: deque[tuple[int, np.ndarray]] = deque(maxlen=kept)
        self._stamp_ns: int | None = None
        self._share = self._error = 0.0
        self._joint = 0

    def forget(self) -> None:
        """Commands begin anew."""
        self._commands.clear()
        self._stamp_ns, self._share = None, 0.0

    def sent(self, stamp_ns: int, position: np.ndarray) -> None:
        """A command `(dof,)`, to be reached one period after `stamp_ns`."""
        self._commands.append((stamp_ns + self._period_ns, position))

    def measured(self, stamp_ns: int, position: np.ndarray) -> None:
        """The newest measurement `(dof,)`; the same one again costs nothing."""
        if stamp_ns == self._stamp_ns or not self._commands:
            return
        self._stamp_ns = stamp_ns
        due = self._commands[0][1]
        for due_ns, command in reversed(self._commands):
            if due_ns <= stamp_ns:
                due = command
                break
        error = np.abs(position - due)
        shares = (error - self._slow) / self._between
        self._joint = int(shares.argmax())
        self._share, self._error = float(shares[self._joint]), float(error[self._joint])

    @property
    def path_speed(self) -> float:
        """Path speed that the tracking error allows, in [0, 1]."""
        return min(max(1.0 - self._share, 0.0), 1.0)

    @property
    def worst(self) -> ActiveConstraint | None:
        """The joint that is farthest from its command, relative to its limit, and how far."""
        if self._share <= 0:
            return None
        return ActiveConstraint("tracking_error", self._names[self._joint], self._error)

    @property
    def problem(self) -> str:
        """Why the robot must stop; "" when it need not."""
        if self._share < 1.0:
            return ""
        return (
            f"joint {self._names[self._joint]} is {self._error:.3f} rad from its command, limit "
            f"{self._stop[self._joint]:.3f}; see whether it is blocked, and its measurement right"
        )
