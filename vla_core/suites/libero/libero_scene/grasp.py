"""Where to grasp a thing from above, told from the simulator's own shapes of it."""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np

from libero_scene.world import World

#: How far the site between the fingertips goes under a thing's top, and stays over its bottom [m].
DEEP, LOW = 0.035, 0.018
#: What the fingers' pads cover under and over the site [m].
_PAD = (-0.012, 0.005)
#: The widest that is grasped [m]; fingers are open by 0.08.
_WIDEST = 0.076
#: An open finger: its middle from the grasp's, how far others have to stay from there [m].
_FINGER_AT, _FINGER_ROOM = 0.05, 0.03
#: Angles that are looked at.
_ANGLES = np.arange(0.0, np.pi, np.pi / 36)


class Extent(NamedTuple):
    """A thing's collision shapes now.

    Attributes:
        corners: `(shapes, 8, 3)` of the boxes around them, in the world [m].
    """

    corners: np.ndarray

    @property
    def bottom(self) -> float:
        """Height of its lowest point [m]."""
        return float(self.corners[..., 2].min())

    @property
    def top(self) -> float:
        """Height of its highest point [m]."""
        return float(self.corners[..., 2].max())

    def between(self, low: float, high: float) -> np.ndarray:
        """`(n, 2)` corners, seen from above, of the shapes that reach into those heights."""
        heights = self.corners[..., 2]
        there = (heights.min(axis=1) <= high) & (heights.max(axis=1) >= low)
        return self.corners[there][..., :2].reshape(-1, 2)


class Grasp(NamedTuple):
    """Of a thing, from above.

    Attributes:
        place: `(3,)` of the site between the fingertips [m].
        angle: of the line along which the fingers close, about the world's z, mod pi [rad].
        hang: how far the thing reaches down from the site [m].
    """

    place: np.ndarray
    angle: float
    hang: float


def extent(world: World, thing: str) -> Extent:
    """Of one of the benchmark's objects, by name."""
    model, data = world.model, world.data
    root = world.env.obj_body_id[thing]
    corners = []
    for geom in range(model.ngeom):
        if model.body_rootid[model.geom_bodyid[geom]] != model.body_rootid[root]:
            continue
        if not model.geom_contype[geom] and not model.geom_conaffinity[geom]:
            continue
        centre, half = _box_around(model, geom)
        signs = np.array(np.meshgrid(*[(-1, 1)] * 3)).reshape(3, -1).T
        local = centre + signs * half
        corners.append(local @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom])
    return Extent(np.array(corners))


def grasp_of(world: World, thing: str, others: list[str], angle_now: float) -> Grasp:
    """Along the line that asks least: narrow, free of other things, near to how the hand is.

    Args:
        others: names of what stands about.
        angle_now: of the fingers' line [rad].
    """
    shape = extent(world, thing)
    height = max(shape.bottom + LOW, shape.top - DEEP)
    seen = shape.between(height + _PAD[0], height + _PAD[1])
    around = [extent(world, other) for other in others]
    near = [each.between(height - 0.02, np.inf) for each in around]
    crowd = np.concatenate([np.empty((0, 2)), *near])
    best = min(_ANGLES, key=lambda angle: _cost(seen, crowd, angle, angle_now))
    return Grasp(np.array([*_middle(seen, best), height]), float(best), height - shape.bottom)


def _cost(seen: np.ndarray, crowd: np.ndarray, angle: float, angle_now: float) -> float:
    """What a grasp along an angle costs."""
    line = np.array([np.cos(angle), np.sin(angle)])
    width = np.ptp(seen @ line)
    turn = abs((angle - angle_now + np.pi / 2) % np.pi - np.pi / 2)
    cost = width / 0.01 + 0.3 * turn + 100.0 * (width > _WIDEST)
    if len(crowd):
        middle = _middle(seen, angle)
        for side in (-1, 1):
            near = np.linalg.norm(crowd - (middle + side * _FINGER_AT * line), axis=1).min()
            cost += 10.0 * max(0.0, 1.0 - near / _FINGER_ROOM)
    return cost


def _middle(seen: np.ndarray, angle: float) -> np.ndarray:
    """`(2,)` halfway between its ends, along a line and across it."""
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    along = seen @ axes.T
    return (along.min(axis=0) + along.max(axis=0)) / 2 @ axes


def _box_around(model: mujoco.MjModel, geom: int) -> tuple[np.ndarray, np.ndarray]:
    """Centre and half edges of a shape's box in its own frame."""
    kind, size = model.geom_type[geom], model.geom_size[geom]
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = model.geom_dataid[geom]
        first = model.mesh_vertadr[mesh]
        points = model.mesh_vert[first : first + model.mesh_vertnum[mesh]]
        low, high = points.min(axis=0), points.max(axis=0)
        return (low + high) / 2, (high - low) / 2
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        return np.zeros(3), size.copy()
    if kind in (mujoco.mjtGeom.mjGEOM_CYLINDER, mujoco.mjtGeom.mjGEOM_CAPSULE):
        cap = size[0] if kind == mujoco.mjtGeom.mjGEOM_CAPSULE else 0.0
        return np.zeros(3), np.array([size[0], size[0], size[1] + cap])
    return np.zeros(3), np.full(3, size[0])
