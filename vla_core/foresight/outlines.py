"""Lines over a picture: where things are foreseen to be."""

from __future__ import annotations

import cv2
import numpy as np

_BRIGHT, _EDGE = (255, 214, 10), (20, 20, 20)
#: Lines are drawn to a part of a pixel: 1 / 2^_SHIFT.
_SHIFT = 4
#: A line is one pixel wide in pictures of this height [pixels].
_THIN = 128


def outlined(picture: np.ndarray, lines: np.ndarray | None) -> np.ndarray:
    """A picture with lines drawn in, bright with a dark edge.

    Args:
        picture: `(height, width, 3)` uint8 RGB.
        lines: `(n, 2, 2)` ends, x and y as shares of width and height; None draws nothing.

    Returns:
        A copy.
    """
    drawn = np.ascontiguousarray(picture).copy()
    if lines is None or not len(lines):
        return drawn
    height, width = picture.shape[:2]
    thickness = max(1, round(height / _THIN))
    ends = np.asarray(lines, float) * (width, height) - 0.5
    points = np.round(ends * 2**_SHIFT).astype(np.int32)
    for colour, more in ((_EDGE, 2), (_BRIGHT, 0)):
        cv2.polylines(
            drawn, list(points), False, colour, thickness + more, cv2.LINE_AA, shift=_SHIFT
        )
    return drawn
