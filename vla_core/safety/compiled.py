"""Functions of arrays, compiled before a command loop needs them, for the types that it has.

Numba compiles such a function, with what it calls, when its module is imported, and keeps the code
on disk. A command loop never compiles: arrays of another type are a TypeError there, and too short
ones an IndexError. Without fast-math, so the same inputs give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable

from numba import njit, types

#: An array that is only read; arrays of one and of two dimensions that are made or changed.
GIVEN = types.Array(types.float64, 1, "C", readonly=True)
POINTS, ROWS = types.float64[::1], types.float64[:, ::1]
NUMBER, YES = types.float64, types.boolean


def compiled(result: types.Type, *arguments: types.Type) -> Callable[[Callable], Callable]:
    """Compile a function now, for these types only."""
    return njit(
        result(*arguments), cache=True, fastmath=False, error_model="numpy", boundscheck=True
    )
