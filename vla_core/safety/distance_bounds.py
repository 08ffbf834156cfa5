"""Lower bounds of distances, from distances known elsewhere, compiled.

A joint that moves by dq changes the distance of a pair by at most lever * |dq|. Compiled when this
module is imported, as `joint_kernels.py` is, and for the same types only. Where nothing else is
said, distances are `(pairs,)` [m] and positions `(n, dof)`, `levers` is `(pairs, dof)`: the most
that a joint changes a distance [m per unit].
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit, types


class KnownDistances:
    """What was measured last of each pair.

    Attributes:
        distance_m: [m]; minus infinity before.
        at: `(pairs, dof)` the position there.
    """

    def __init__(self, pairs: int, dof: int) -> None:
        self.distance_m = np.full(pairs, -np.inf)
        self.at = np.zeros((pairs, dof))


_POINTS, _ROWS = types.float64[::1], types.float64[:, ::1]
_GIVEN_ROWS = types.Array(types.float64, 2, "C", readonly=True)
_GIVEN = types.Array(types.float64, 1, "C", readonly=True)
_PLACES, _FLAGS = types.int64[::1], types.boolean[::1]


def _compiled(result: types.Type, *arguments: types.Type) -> Callable[[Callable], Callable]:
    return njit(result(*arguments), cache=True, fastmath=False, boundscheck=True)


@njit(fastmath=False)
def _way(levers, pair, to, start):
    """Most that the distance of `pair` changes between two positions `(dof,)` [m]."""
    way_m = 0.0
    for j in range(len(to)):
        way_m += levers[pair, j] * abs(to[j] - start[j])
    return way_m


@_compiled(_ROWS, _GIVEN, _GIVEN_ROWS, _GIVEN_ROWS, _GIVEN_ROWS)
def lower_bounds(known_m, known_at, levers, positions):
    """`(n, pairs)` lower bounds at `positions`, where `known_m` was measured at `known_at`."""
    bounds = np.empty((len(positions), len(known_m)))
    for n in range(len(positions)):
        for pair in range(len(known_m)):
            bounds[n, pair] = known_m[pair] - _way(levers, pair, positions[n], known_at[pair])
    return bounds


@_compiled(types.int64, _GIVEN_ROWS, _GIVEN, types.int64)
def next_row(bounds, exact_m, row):
    """First row from `row` on with a bound below `exact_m`; the number of rows if there is none."""
    while row < len(bounds) and not (bounds[row] < exact_m).any():
        row += 1
    return row


@_compiled(
    types.void, _ROWS, types.int64, _PLACES, _GIVEN, _GIVEN_ROWS, _GIVEN_ROWS, _POINTS, _ROWS, _FLAGS
)  # fmt: skip
def learn(bounds, row, pairs, measured_m, levers, positions, known_m, known_at, renewed):
    """Put what was measured of `pairs` at `positions[row]`, and raise the later rows' bounds by it.

    The first measurement of a pair that is not yet `renewed` becomes the known one.
    """
    for k in range(len(pairs)):
        pair = pairs[k]
        bounds[row, pair] = measured_m[k]
        for n in range(row + 1, len(positions)):
            way_m = _way(levers, pair, positions[n], positions[row])
            bounds[n, pair] = max(bounds[n, pair], measured_m[k] - way_m)
        if not renewed[pair]:
            renewed[pair], known_m[pair] = True, measured_m[k]
            known_at[pair] = positions[row]


@_compiled(types.Tuple((types.int64, types.float64)), _GIVEN_ROWS, _GIVEN, _GIVEN, types.float64)
def worst_dip(distances, enough_m, floor_m, dip):
    """The pair that comes nearest to its floor along a way, and how far below [m].

    Between two looks a distance dips by at most `dip` times the largest second difference.

    Args:
        distances: `(n, pairs)` along the way; what is above `enough_m` counts as that.
        floor_m: what must be kept.
    """
    worst, below = 0, -np.inf
    for pair in range(distances.shape[1]):
        least, bend = np.inf, 0.0
        for n in range(len(distances)):
            here = min(distances[n, pair], enough_m[pair])
            least = min(least, here)
            if n > 1:
                before = min(distances[n - 1, pair], enough_m[pair])
                bend = max(bend, here - 2 * before + min(distances[n - 2, pair], enough_m[pair]))
        if floor_m[pair] - (least - dip * bend) > below:
            worst, below = pair, floor_m[pair] - (least - dip * bend)
    return worst, below
