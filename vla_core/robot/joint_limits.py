"""What every joint is held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class JointLimits:
    """What every joint is held to; arrays `(dof,)` in the robot's canonical order.

    Attributes:
        names: the joints.
        lower, upper: soft position limits [rad].
        velocity, acceleration, jerk: largest absolute values [rad/s], [rad/s^2], [rad/s^3].
        per_radian: so much of a joint's unit is 1 rad, for thresholds in rad; left out: 1.
    """

    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    jerk: np.ndarray
    per_radian: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.per_radian is None:
            object.__setattr__(self, "per_radian", np.ones(len(self.names)))
        for name in ("lower", "upper", "velocity", "acceleration", "jerk", "per_radian"):
            value = np.array(getattr(self, name), dtype=float)
            if value.shape != (len(self.names),) or not np.isfinite(value).all():
                raise ValueError(
                    f"limits: {name} must be {len(self.names)} finite numbers, got {value}"
                )
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        for name, bad in (
            ("lower must be below upper", self.lower >= self.upper),
            ("velocity must be positive", self.velocity <= 0),
            ("acceleration must be positive", self.acceleration <= 0),
            ("jerk must be positive", self.jerk <= 0),
        ):
            if bad.any():
                raise ValueError(f"limits of {self.names[int(np.argmax(bad))]}: {name}")

    @property
    def dof(self) -> int:
        """Number of joints."""
        return len(self.names)

    def of(self, names: Sequence[str]) -> JointLimits:
        """The limits of some of the joints, in the order of `names`."""
        places = [self.names.index(name) for name in names]
        arrays = (self.lower, self.upper, self.velocity, self.acceleration, self.jerk)
        return JointLimits(tuple(names), *(array[places] for array in arrays))

    def glide(self, velocity: np.ndarray, acceleration: np.ndarray) -> np.ndarray:
        """`(dof,)` velocity that a joint comes to as its acceleration is let go of [rad/s]."""
        return velocity + acceleration * np.abs(acceleration) / (2 * self.jerk)

    def change_within(self, horizon_s: float) -> np.ndarray:
        """`(dof,)` change of velocity that the limiter's quartic brings about by then [rad/s]."""
        return np.minimum(self.jerk * horizon_s**2 / 6, self.acceleration * horizon_s / 1.5)
