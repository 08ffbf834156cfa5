"""Lower bounds of distances, from distances known beside, compiled.

A joint that moves by dq changes the distance of a pair by at most lever * |dq|. Compiled when this
module is imported, as `compiled.py` says, and for the same types only. Distances are
`(n, pairs)` [m] at `(n, dof)` positions; `levers` is `(dof, pairs)`: the most that a joint changes
a distance [m per unit].
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit, types


class KnownDistances:
    """What is known of the distances along a way that was looked at last.

    Who looks along nearly the same way again and again, as at the stop from each command, finds
    each of its points beside the one that was there before.

    Attributes:
        distance_m: `(n, pairs)` no more than the distances [m]; minus infinity before.
        at: `(n, dof)` where; at least one position.
    """

    def __init__(self, pairs: int, dof: int) -> None:
        self.distance_m = np.full((1, pairs), -np.inf)
        self.at = np.zeros((1, dof))

    def renew(self, other: KnownDistances) -> None:
        """Know what is known of another way; arrays are shared, as none kept is written to."""
        self.distance_m, self.at = other.distance_m, other.at


_POINTS, _ROWS = types.float64[::1], types.float64[:, ::1]
_GIVEN_ROWS = types.Array(types.float64, 2, "C", readonly=True)
_GIVEN = types.Array(types.float64, 1, "C", readonly=True)
_PLACES = types.int64[::1]


def _compiled(
    result: types.Type, *arguments: types.Type, boundscheck: bool = True
) -> Callable[[Callable], Callable]:
    return njit(result(*arguments), cache=True, fastmath=False, boundscheck=boundscheck)


@_compiled(_ROWS, *[_GIVEN_ROWS] * 4, boundscheck=False)  # checked once, so that it is vectorised
def lower_bounds(known_m, known_at, levers, positions):
    """`(n, pairs)` lower bounds at `positions`, each from the known position of the same place.

    The last known one serves all that are farther along.
    """
    joints, pairs = levers.shape
    rows, known = len(positions), len(known_m)
    if not (
        known == len(known_at)
        and known > 0
        and known_m.shape[1] == pairs
        and known_at.shape[1] == joints
        and positions.shape[1] == joints
    ):
        raise IndexError("known distances, levers and positions are of different sizes")
    bounds = np.empty((rows, pairs))
    way_m = np.empty(pairs)
    for n in range(rows):
        beside = min(n, known - 1)
        way_m[:] = 0.0
        for j in range(joints):
            moved = abs(positions[n, j] - known_at[beside, j])
            for pair in range(pairs):
                way_m[pair] += levers[j, pair] * moved
        for pair in range(pairs):
            bounds[n, pair] = known_m[beside, pair] - way_m[pair]
    return bounds


@_compiled(types.int64, _GIVEN_ROWS, _GIVEN, types.int64)
def next_row(bounds, exact_m, row):
    """First row from `row` on with a bound not at least `exact_m`; their number if there is none.

    A bound that is not a number is none: what it is of has to be measured.
    """
    while row < len(bounds) and (bounds[row] >= exact_m).all():
        row += 1
    return row


@_compiled(types.void, _ROWS, types.int64, _PLACES, _GIVEN, _GIVEN_ROWS, _GIVEN_ROWS)
def learn(bounds, row, pairs, measured_m, levers, positions):
    """Put what was measured of `pairs` at `positions[row]`, and raise the other rows' bounds by it.

    Args:
        pairs, measured_m: `(measured,)` which, and their distances [m].
    """
    for n in range(len(positions)):
        moved = np.abs(positions[n] - positions[row])
        for k in range(len(pairs)):
            way_m = 0.0
            for j in range(len(moved)):
                way_m += levers[j, pairs[k]] * moved[j]
            bounds[n, pairs[k]] = max(bounds[n, pairs[k]], measured_m[k] - way_m)
    for k in range(len(pairs)):
        bounds[row, pairs[k]] = measured_m[k]


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
