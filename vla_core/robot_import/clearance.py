"""Distances between all links of a robot, before anybody has said which may touch."""

from __future__ import annotations

from itertools import combinations

import coal
import numpy as np
import pinocchio as pin


class Clearance:
    """Every pair of links with shapes; cylinders have a cap on each end, as in the filter.

    Args:
        model: of the plain URDF.
        urdf: its file.

    Attributes:
        links: names of the links that have shapes.
        pairs: `(n, 2)` places in `links`.
        named: their names, in the same order.
        model: as given.
    """

    def __init__(self, model: pin.Model, urdf: str) -> None:
        self.model, self._data = model, model.createData()
        geometry = pin.buildGeomFromUrdf(model, urdf, pin.COLLISION)
        owner = []
        for given in geometry.geometryObjects:
            if isinstance(given.geometry, coal.Cylinder):
                shape = given.geometry
                given.geometry = coal.Capsule(shape.radius, 2 * shape.halfLength)
            owner.append(model.frames[given.parentFrame].name)
        self.links = list(dict.fromkeys(owner))
        place = [self.links.index(name) for name in owner]
        self.joints = [model.frames[model.getFrameId(name)].parentJoint for name in self.links]
        self.pairs = np.array(list(combinations(range(len(self.links)), 2)), dtype=int)
        self.named = [(self.links[a], self.links[b]) for a, b in self.pairs]
        index = {tuple(pair): k for k, pair in enumerate(self.pairs.tolist())}
        of = []
        for a, b in combinations(range(len(owner)), 2):
            if self.joints[place[a]] != self.joints[place[b]]:
                geometry.addCollisionPair(pin.CollisionPair(a, b))
                of.append(index[tuple(sorted((place[a], place[b])))])
        self._of, self._geometry = np.array(of, dtype=int), geometry
        self._geometry_data = pin.GeometryData(geometry)

    def at(self, configuration: np.ndarray) -> np.ndarray:
        """`(pairs,)` smallest distance of each [m]; infinite where nothing moves between them."""
        pin.updateGeometryPlacements(
            self.model, self._data, self._geometry, self._geometry_data, configuration
        )
        pin.computeDistances(self._geometry, self._geometry_data)
        found = np.full(len(self.pairs), np.inf)
        near = [result.min_distance for result in self._geometry_data.distanceResults]
        np.minimum.at(found, self._of, near)
        return found
