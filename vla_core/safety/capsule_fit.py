"""The small capsule around given spheres: one shape to compare where there were many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

#: Radii tried, as multiples of the smallest possible one: a thicker capsule may be shorter.
_THICKER = (1.0, 1.02, 1.05, 1.1, 1.2, 1.4)


@dataclass(frozen=True, eq=False)
class Capsule:
    """All points within `radius_m` of a segment.

    Attributes:
        centre: `(3,)` of the segment [m].
        rotation: `(3, 3)`; its last column is the segment's direction.
        half_length_m: of the segment [m].
    """

    centre: np.ndarray
    rotation: np.ndarray
    radius_m: float
    half_length_m: float

    @property
    def volume_m3(self) -> float:
        """Of the whole capsule [m^3]."""
        return np.pi * self.radius_m**2 * (2 * self.half_length_m + 4 / 3 * self.radius_m)


def enclosing_capsule(centres: np.ndarray, radii: np.ndarray) -> Capsule:
    """A capsule that encloses spheres, and so their convex hull; small, not the smallest.

    Its direction is the principal axis of the centres that gives the smallest volume.

    Args:
        centres: `(n, 3)` [m].
        radii: `(n,)` [m].
    """
    mean = centres.mean(axis=0)
    axes = np.linalg.svd(np.vstack((centres - mean, np.zeros((3, 3)))), full_matrices=False)[2]
    found = [
        capsule
        for turn in range(3)
        for capsule in _along(np.roll(axes, turn, axis=0).T, centres, radii)
    ]
    return min(found, key=lambda capsule: capsule.volume_m3)


def _along(rotation: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> list[Capsule]:
    """Capsules of several radii along the last column of `rotation`."""
    if np.linalg.det(rotation) < 0:
        rotation = rotation * (-1.0, 1.0, 1.0)
    local = centres @ rotation
    across, along = local[:, :2], local[:, 2]

    def radius(middle: np.ndarray) -> float:
        return float((np.linalg.norm(across - middle, axis=1) + radii).max())

    middle = minimize(radius, across.mean(axis=0), method="Nelder-Mead").x
    away = np.linalg.norm(across - middle, axis=1)
    capsules = []
    for radius_m in radius(middle) * np.array(_THICKER):
        # A sphere lies inside the cap at `end` where it reaches no farther than
        # end + sqrt((R - r)^2 - away^2) along the axis.
        reach = np.sqrt(np.maximum((radius_m - radii) ** 2 - away**2, 0.0))
        low, high = (along + reach).min(), (along - reach).max()
        centre = rotation @ np.array((*middle, (low + high) / 2))
        capsules.append(Capsule(centre, rotation, float(radius_m), max(0.0, (high - low) / 2)))
    return capsules
