"""Where an expert wants the hand to be next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Goal(NamedTuple):
    """Of the site between the fingertips.

    Attributes:
        place: `(3,)` in the world [m].
        turn: `(3, 3)` rotation matrix in the world.
        closed: whether the gripper is to close.
    """

    place: np.ndarray
    turn: np.ndarray
    closed: bool
