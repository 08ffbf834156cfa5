"""What a robot's joints are commanded at a time: single targets, and trajectories over their time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class _Trajectory:
    """Points of some joints: places `(n,)`, times `(points,)` [ns], positions `(points, n)`."""

    places: np.ndarray
    times_ns: np.ndarray
    positions: np.ndarray

    def at(self, now_ns: int) -> np.ndarray:
        """`(n,)`: linear between points; the first before them, the last behind them."""
        after = int(np.searchsorted(self.times_ns, now_ns))
        if after in (0, len(self.times_ns)):
            return self.positions[min(after, len(self.times_ns) - 1)]
        before_ns, after_ns = self.times_ns[after - 1], self.times_ns[after]
        share = (now_ns - before_ns) / (after_ns - before_ns)
        return (1 - share) * self.positions[after - 1] + share * self.positions[after]


class CommandedJoints:
    """Follows the commands of every controller, as the controllers do.

    A new trajectory replaces that of its joints at once. Where a controller would move from where
    it is to the first point, that point counts as the command.

    Args:
        dof: number of joints.
    """

    def __init__(self, dof: int) -> None:
        self._position = np.full(dof, np.nan)
        self._running: list[_Trajectory] = []

    @property
    def known(self) -> np.ndarray:
        """`(dof,)` whether a command has come."""
        return np.isfinite(self._position)

    @property
    def is_running(self) -> bool:
        """Whether a trajectory goes on, so that what is commanded changes without a message."""
        return bool(self._running)

    def take(self, places: np.ndarray, times_ns: np.ndarray, positions: np.ndarray) -> None:
        """Take a command.

        Args:
            places: `(n,)` its joints, in canonical order's numbers.
            times_ns: `(points,)` when each point is due, increasing [ns].
            positions: `(points, n)`.
        """
        mine = set(places.tolist())
        self._running = [r for r in self._running if not mine & set(r.places.tolist())]
        self._position[places] = positions[0]
        if len(times_ns) > 1:
            self._running.append(_Trajectory(places, times_ns, positions))

    def at(self, now_ns: int) -> np.ndarray:
        """`(dof,)` positions commanded for then; NaN for joints that none has come for."""
        for trajectory in self._running:
            self._position[trajectory.places] = trajectory.at(now_ns)
        self._running = [r for r in self._running if r.times_ns[-1] > now_ns]
        return self._position.copy()
