"""Pictures at a policy's size: the same in demonstrations, in recordings and on the robot."""

from __future__ import annotations

import cv2
import numpy as np


def resized_picture(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """`(height, width, 3)`, averaged over areas; a copy where it has that size already."""
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def squared(picture: np.ndarray, side: int | None) -> np.ndarray:
    """`(side, side, 3)`; None: a copy as it is."""
    return picture.copy() if side is None else resized_picture(picture, side, side)
