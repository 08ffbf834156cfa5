"""Vendors' meshes: read whatever coal reads, thinned out and written as STL for every loader."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import coal
import numpy as np

from vla_core.errors import RobotDescriptionError

#: More triangles than this are thinned out, on a grid of so many cells along the longest side.
MOST_TRIANGLES, _CELLS = 20_000, 80
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


class Mesh(NamedTuple):
    """Triangles.

    Attributes:
        points: `(n, 3)` [m].
        triangles: `(m, 3)` places of their corners in `points`.
    """

    points: np.ndarray
    triangles: np.ndarray


def read_mesh(path: Path, scale: np.ndarray) -> Mesh:
    """A mesh file, each axis times `scale` `(3,)`.

    Raises:
        RobotDescriptionError: it cannot be read, or has no triangles.
    """
    try:
        found = coal.MeshLoader().load(str(path), scale)
    except Exception as error:  # assimp's and coal's own
        raise RobotDescriptionError(str(path), f"cannot be read as a mesh: {error}") from error
    corners = [found.tri_indices(place) for place in range(found.num_tris)]
    triangles = np.array([[t[0], t[1], t[2]] for t in corners], dtype=int).reshape(-1, 3)
    if not len(triangles):
        raise RobotDescriptionError(str(path), "has no triangles")
    return Mesh(np.array(found.vertices(), dtype=float).reshape(-1, 3), triangles)


def thinned(mesh: Mesh) -> Mesh:
    """The same with about `MOST_TRIANGLES` at most: points of a grid's cell become one."""
    if len(mesh.triangles) <= MOST_TRIANGLES:
        return mesh
    low = mesh.points.min(axis=0)
    cell = (mesh.points.max(axis=0) - low).max() / _CELLS
    cells = np.floor((mesh.points - low) / cell).astype(int)
    _, which, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    which = which.reshape(-1)
    points = np.zeros((len(counts), 3))
    np.add.at(points, which, mesh.points)
    triangles = np.unique(which[mesh.triangles], axis=0)
    apart = (triangles != np.roll(triangles, 1, axis=1)).all(axis=1)
    return Mesh(points / counts[:, None], triangles[apart])


def write_stl(mesh: Mesh, path: Path) -> None:
    """Binary STL."""
    records = np.zeros(len(mesh.triangles), _TRIANGLE)
    records["corners"] = mesh.points[mesh.triangles]
    path.write_bytes(bytes(80) + np.uint32(len(records)).tobytes() + records.tobytes())
