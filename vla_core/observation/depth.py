"""Depth pictures and pinhole matrices, as cameras send them and as policies see them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from vla_core.errors import ObservationError

#: REP 118: type of a pixel, and metres in one unit.
_ENCODINGS = {"16UC1": ("u2", 1e-3), "mono16": ("u2", 1e-3), "32FC1": ("f4", 1.0)}


def decode_depth(message: Any) -> np.ndarray:
    """`(height, width)` float32 depth of an Image [m], NaN where nothing was measured.

    Args:
        message: anything with the fields of `sensor_msgs/Image`.

    Raises:
        ObservationError: an encoding that is no depth, or data of the wrong length.
    """
    if message.encoding not in _ENCODINGS:
        raise ObservationError(
            f"depth encoding {message.encoding!r} is not supported; expected one of "
            f"{', '.join(_ENCODINGS)}"
        )
    kind, metres = _ENCODINGS[message.encoding]
    number = np.dtype((">" if message.is_bigendian else "<") + kind)
    height, width, step = message.height, message.width, message.step
    if not height * width or step < width * number.itemsize or len(message.data) != step * height:
        raise ObservationError(
            f"{message.encoding} image {width}x{height}: got {len(message.data)} bytes in rows of "
            f"{step}, expected {height} rows of at least {width * number.itemsize}"
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(height, step)
    pixels = np.ascontiguousarray(rows[:, : width * number.itemsize]).view(number)
    return in_metres(pixels, metres)


def in_metres(measured: np.ndarray, metres: float) -> np.ndarray:
    """`(height, width)` float32 depth [m], NaN where nothing was measured.

    Args:
        metres: in one unit of `measured`.
    """
    depth = measured.astype(np.float32) * np.float32(metres)
    depth[~(np.isfinite(depth) & (depth > 0.0))] = np.nan
    return depth


def resized_depth(depth: np.ndarray, height: int, width: int) -> np.ndarray:
    """Depth of another size: that of the nearest pixel, so that no edge is made up."""
    if depth.shape == (height, width):
        return depth.copy()
    return cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


def resized_intrinsics(
    intrinsics: np.ndarray, before: tuple[int, int], after: tuple[int, int]
) -> np.ndarray:
    """`(3, 3)` pinhole matrix of a picture that was resized; pixels' centres are whole numbers.

    Args:
        intrinsics: `(3, 3)` of the picture before [pixels].
        before, after: height and width [pixels].

    Raises:
        ObservationError: it is no pinhole matrix, as that of a camera that is not calibrated.
    """
    focal = intrinsics[0, 0], intrinsics[1, 1]
    if not np.isfinite(intrinsics).all() or min(focal) <= 0.0 or min(before) <= 0:
        raise ObservationError(
            f"got focal lengths {focal[0]:g}, {focal[1]:g} of {before[1]}x{before[0]} pixels: the "
            "camera is not calibrated"
        )
    scale = np.array([after[1] / before[1], after[0] / before[0], 1.0])
    resized = scale[:, None] * intrinsics
    resized[:2, 2] += 0.5 * scale[:2] - 0.5
    return resized
