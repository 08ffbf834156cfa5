"""The simple shape around a mesh: what distances are measured with."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import coal
import numpy as np
from scipy.spatial import ConvexHull, QhullError

from vla_core.safety.capsule_fit import Capsule, enclosing_capsule

#: A mesh flatter than this is a sheet [m].
_FLAT_M = 1e-4
#: Directions in which points of the shape's surface are looked at.
_LOOKS = 12


class FittedShape(NamedTuple):
    """A shape that encloses points.

    Attributes:
        tag, sizes: of the URDF: `box`, or a `cylinder` that is taken with a cap on each end, or a
            `sphere`.
        rotation: `(3, 3)`, its axes in the points' frame.
        centre: `(3,)` [m].
        more_volume: its volume as a multiple of that of the points' convex hull.
        overreach_m: largest distance of its surface from the hull [m].
    """

    tag: str
    sizes: dict[str, str]
    rotation: np.ndarray
    centre: np.ndarray
    more_volume: float
    overreach_m: float


def fit_shape(points: np.ndarray) -> FittedShape:
    """Of a box along the axes, a box along the principal axes and a capsule the smallest.

    Args:
        points: `(n, 3)` [m].
    """
    points, volume_m3 = _hull(points)
    capsule = enclosing_capsule(points, np.zeros(len(points)))
    found = [(capsule.volume_m3, "capsule", None)]
    axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2].T
    if np.linalg.det(axes) < 0:
        axes = axes * (1.0, 1.0, -1.0)
    found += [(_box(points, turn)[0], "box", turn) for turn in (np.eye(3), axes)]
    volume, kind, turn = min(found, key=lambda each: each[0])
    more = volume / max(volume_m3, 1e-12)
    if kind == "box":
        _, size, centre = _box(points, turn)
        corners = np.array(list(itertools.product((-0.5, 0.5), repeat=3))) * size @ turn.T + centre
        text = " ".join(f"{edge:.5f}" for edge in size)
        return FittedShape("box", {"size": text}, turn, centre, more, _farthest(points, corners))
    surface = _capsule_points(capsule)
    sizes = {"radius": f"{capsule.radius_m:.5f}"}
    tag = "sphere" if capsule.half_length_m < 1e-4 else "cylinder"
    if tag == "cylinder":
        sizes["length"] = f"{2 * capsule.half_length_m:.5f}"
    return FittedShape(
        tag, sizes, capsule.rotation, capsule.centre, more, _farthest(points, surface)
    )


def _hull(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Corners of the convex hull, and its volume [m^3]; flat ones as they are."""
    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError):
        return points, 0.0
    return points[hull.vertices], float(hull.volume)


def _box(points: np.ndarray, axes: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Volume [m^3], edges and centre of the box along `axes`; no edge is thinner than a sheet."""
    local = points @ axes
    low, high = local.min(axis=0), local.max(axis=0)
    size = np.maximum(high - low, _FLAT_M)
    return float(size.prod()), size, axes @ ((low + high) / 2)


def _capsule_points(capsule: Capsule) -> np.ndarray:
    """`(n, 3)` points on its surface: at its ends and around."""
    angles = np.linspace(0, 2 * np.pi, _LOOKS, endpoint=False)
    around = np.column_stack((np.cos(angles), np.sin(angles), np.zeros(_LOOKS)))
    rings = [
        np.cos(tilt) * around + (0.0, 0.0, np.sin(tilt)) for tilt in np.radians((0, 30, 60, 90))
    ]
    upper = np.concatenate(rings) * capsule.radius_m + (0.0, 0.0, capsule.half_length_m)
    return np.concatenate((upper, -upper)) @ capsule.rotation.T + capsule.centre


def _farthest(points: np.ndarray, surface: np.ndarray) -> float:
    """Largest distance of `surface` `(n, 3)` from the convex hull of `points` [m]."""
    if np.linalg.matrix_rank(points - points[0], tol=_FLAT_M) < 3:  # a sheet is no solid
        return float(np.linalg.norm(surface[:, None] - points[None], axis=2).min(axis=1).max())
    corners = coal.StdVec_Vec3s()
    for point in points:
        corners.append(point)
    hull = coal.Convex.convexHull(corners, False, "Qt")
    found, here = [], coal.Transform3s.Identity()
    for point in surface:
        request, result = coal.DistanceRequest(), coal.DistanceResult()
        there = coal.Transform3s(np.eye(3), point)
        found.append(coal.distance(hull, here, coal.Sphere(1e-6), there, request, result))
    return max(0.0, float(max(found)))
