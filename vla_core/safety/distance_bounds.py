"""Lower bounds of distances, from distances known elsewhere, compiled.

A joint that moves by dq changes the distance of a pair by at most lever * |dq|. Compiled when this
module is imported, as `joint_kernels.py` is, and for the same types only.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

_ROWS = types.float64[:, ::1]
_GIVEN_ROWS = types.Array(types.float64, 2, "C", readonly=True)
_GIVEN = types.Array(types.float64, 1, "C", readonly=True)


@njit(
    _ROWS(_GIVEN, _GIVEN_ROWS, _GIVEN_ROWS, _GIVEN_ROWS),
    cache=True,
    fastmath=False,
    boundscheck=True,
)
def lower_bounds(known_m, known_at, levers, positions):
    """`(n, pairs)` lower bounds at `(n, dof)` positions [m].

    Args:
        known_m: `(pairs,)` distances [m].
        known_at: `(pairs, dof)` where they were measured.
        levers: `(pairs, dof)` most that a joint changes a distance [m per unit].
    """
    bounds = np.empty((len(positions), len(known_m)))
    for n in range(len(positions)):
        for pair in range(len(known_m)):
            way_m = 0.0
            for j in range(positions.shape[1]):
                way_m += levers[pair, j] * abs(positions[n, j] - known_at[pair, j])
            bounds[n, pair] = known_m[pair] - way_m
    return bounds


@njit(
    types.void(_ROWS, types.int64, types.int64, types.float64, _GIVEN_ROWS, _GIVEN_ROWS),
    cache=True,
    fastmath=False,
    boundscheck=True,
)
def measured(bounds, row, pair, distance_m, levers, positions):
    """Put a distance measured at `positions[row]` into `bounds`, and raise the later ones by it."""
    bounds[row, pair] = distance_m
    for n in range(row + 1, len(positions)):
        way_m = 0.0
        for j in range(positions.shape[1]):
            way_m += levers[pair, j] * abs(positions[n, j] - positions[row, j])
        bounds[n, pair] = max(bounds[n, pair], distance_m - way_m)
