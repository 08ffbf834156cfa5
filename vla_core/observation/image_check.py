"""Tells a black, an even and a frozen picture from a good one.

A camera that fails often goes on sending: black behind a closed lens, one even grey from a decoder
that lost its stream, or the last picture again and again. A policy acts on them as on any other.

The same picture again is no fault of a camera that looks at a still scene in simulation, where
there is no noise: a camera counts as frozen only once the robot has moved meanwhile. Measured on
four demonstrations in simulation: pictures repeat only while no joint moves more than 1e-5 rad.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import cv2
import numpy as np


@dataclass(frozen=True)
class ImageLimits:
    """What a good picture keeps to.

    Attributes:
        darkest: lowest mean of all values, of 255.
        most_even: lowest standard deviation of all values, of 255.
        frozen_frames: so many pictures that repeat the one before them are suspicious.
        frozen_motion: and a fault once a joint has moved by this much since the first [rad].
        joint_jump: more than this from one picture to the next is no motion of a joint: its
            measurement has changed, and motion counts from there [rad].
    """

    darkest: float = 8.0
    most_even: float = 2.0
    frozen_frames: int = 5
    frozen_motion: float = 0.02
    joint_jump: float = 0.3


class FaultyPicture(Enum):
    """What can be wrong with a picture."""

    BLACK = "black"
    EVEN = "even"
    FROZEN = "frozen"


class ImageFault(NamedTuple):
    """What is wrong with a picture, by how much, in words.

    Attributes:
        value: mean brightness, deviation, or how often the picture came.
    """

    kind: FaultyPicture
    value: float
    text: str


class ImageCheck:
    """Looks at the pictures of one camera, in order.

    Args:
        limits: what a good picture keeps to.

    Attributes:
        repeats: how often in a row the newest picture has repeated the one before it.
    """

    def __init__(self, limits: ImageLimits = ImageLimits()) -> None:
        self._limits = limits
        self._last: np.ndarray | None = None
        self.repeats = 0
        self._first_position: np.ndarray | None = None
        self._last_position: np.ndarray | None = None

    def problem(self, image: np.ndarray, position: np.ndarray | None) -> str:
        """What is wrong with a picture, as `fault`, in words; empty when nothing is."""
        fault = self.fault(image, position)
        return "" if fault is None else fault.text

    def fault(self, image: np.ndarray, position: np.ndarray | None) -> ImageFault | None:
        """What is wrong with a picture; None when nothing is.

        Args:
            image: `(height, width, 3)` uint8; kept until the next, so not to be written to.
            position: `(n,)` newest joint positions [rad], in an order that stays; None: unknown.
        """
        moved = self._moved_since_first(image, position)
        limits = self._limits
        values = image.reshape(len(image), -1)  # one channel: all colours count alike
        mean, deviation = (statistic.item() for statistic in cv2.meanStdDev(values))
        if mean < limits.darkest:
            text = f"black: mean brightness {mean:.1f} of 255, expected at least {limits.darkest:g}"
            return ImageFault(FaultyPicture.BLACK, mean, text)
        if deviation < limits.most_even:
            text = (
                f"even: its values differ by {deviation:.1f} of 255, "
                f"expected at least {limits.most_even:g}"
            )
            return ImageFault(FaultyPicture.EVEN, deviation, text)
        if self.repeats >= limits.frozen_frames and moved > limits.frozen_motion:
            text = (
                f"frozen: the same picture {self.repeats + 1} times, while a joint moved by "
                f"{moved:.3f} rad"
            )
            return ImageFault(FaultyPicture.FROZEN, self.repeats + 1, text)
        return None

    def _moved_since_first(self, image: np.ndarray, position: np.ndarray | None) -> float:
        """Largest joint motion [rad] since the picture was first seen; zero for a new one."""
        same = self._last is not None and np.array_equal(self._last, image)
        before, self._last_position = self._last_position, position
        self._last = image
        self.repeats = self.repeats + 1 if same else 0
        if (
            not same
            or _apart(position, self._first_position) is None
            or (_apart(position, before) or 0.0) > self._limits.joint_jump
        ):
            self._first_position = position
        return _apart(position, self._first_position) or 0.0


def _apart(one: np.ndarray | None, other: np.ndarray | None) -> float | None:
    """Largest difference of two joint positions [rad]; None where they cannot be compared."""
    if one is None or other is None or one.shape != other.shape:
        return None
    return float(np.abs(one - other).max())
