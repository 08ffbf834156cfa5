"""Joint velocities of an observation in stepped simulation: means, as the camera node's."""

from __future__ import annotations

from collections import deque

import numpy as np

from vla_core.types import VELOCITY_OVER_S


class MeanVelocity:
    """Mean over the last `VELOCITY_OVER_S`, by differences of positions.

    Args:
        period_s: between two positions [s].
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        periods = max(1, round(VELOCITY_OVER_S / period_s))
        self._positions: deque[np.ndarray] = deque(maxlen=periods + 1)

    def add(self, position: np.ndarray) -> None:
        """The `(dof,)` position of now."""
        self._positions.append(position.copy())

    @property
    def value(self) -> np.ndarray:
        """`(dof,)` mean over what there is; zero at the first position."""
        first, last = self._positions[0], self._positions[-1]
        return (last - first) / (max(1, len(self._positions) - 1) * self._period_s)
