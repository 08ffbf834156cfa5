"""Statistics of the colours of an episode's pictures."""

from __future__ import annotations

import numpy as np


class ColourStatistics:
    """Least, largest, mean and deviation of each colour over pictures, 0..1; keeps none of them."""

    def __init__(self) -> None:
        self._least, self._largest = np.full(3, np.inf), np.zeros(3)
        self._sum, self._squares, self._count = np.zeros(3), np.zeros(3), 0

    def add(self, pixels: np.ndarray) -> None:
        """Take a picture `(height, width, 3)` uint8."""
        values = pixels.reshape(-1, 3) / 255
        self._least = np.minimum(self._least, values.min(axis=0))
        self._largest = np.maximum(self._largest, values.max(axis=0))
        self._sum += values.sum(axis=0)
        self._squares += np.square(values).sum(axis=0)
        self._count += len(values)

    def statistics(self) -> dict[str, np.ndarray]:
        """`(3,)` each."""
        mean = self._sum / self._count
        variance = np.maximum(self._squares / self._count - np.square(mean), 0.0)
        return {"min": self._least, "max": self._largest, "mean": mean, "std": np.sqrt(variance)}
