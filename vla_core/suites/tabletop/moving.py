"""How the told block moves while the robot reaches for it.

The four patterns of CALVIN-D, with which OpenHelix (arXiv 2505.03912, table 1) tests asynchrony:
left, forward, diagonal, circular. How fast, it does not say.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vla_core.suites.tabletop.layout import Layout

#: How fast the block moves [m/s], how far at most, the radius of its circle, and how far from its
#: pad it stays [m].
SPEED, FARTHEST, RADIUS, STOP_BEFORE_PAD = 0.02, 0.06, 0.03, 0.10

#: Of a block that does not move.
STILL = "still"
#: Direction `(2,)` of a pattern at a time [s] since the reset, in the base frame.
PATTERNS: dict[str, Callable[[float], np.ndarray]] = {
    STILL: lambda time_s: np.zeros(2),
    "left": lambda time_s: np.array((0.0, 1.0)),
    "forward": lambda time_s: np.array((1.0, 0.0)),
    "diagonal": lambda time_s: np.array((1.0, 1.0)) / np.sqrt(2.0),
    "circle": lambda time_s: np.array(
        (np.cos(time_s * SPEED / RADIUS), np.sin(time_s * SPEED / RADIUS))
    ),
}


def may_be_at(layout: Layout, place: np.ndarray) -> bool:
    """Whether the told block may move to `(2,)` x, y [m]: not far, and not to its pad."""
    task = layout.task
    return bool(
        np.linalg.norm(place - layout.blocks[task.block]) < FARTHEST
        and np.linalg.norm(place - layout.pads[task.pad]) > STOP_BEFORE_PAD
    )
