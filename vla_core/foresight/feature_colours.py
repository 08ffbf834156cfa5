"""Features as colours, the same for all pictures: equal colours are equal features."""

from __future__ import annotations

import numpy as np

#: Of the brightest and darkest of each component, how much is cut off [percent].
_CUT = 1.0
_LEAST_CEILING = 0.05


class FeatureColours:
    """The first three principal components of true features as red, green and blue.

    Args:
        truth: `(n, width)` features that were seen; gives the components and their range.
        distances: `(n,)` cosine distances; their 99.5th percentile is the heat maps' ceiling.
    """

    def __init__(self, truth: np.ndarray, distances: np.ndarray) -> None:
        truth = truth.astype(np.float64)
        self._mean = truth.mean(axis=0)
        _, vectors = np.linalg.eigh(np.cov(truth, rowvar=False))
        basis = vectors[:, :-4:-1]
        largest = np.abs(basis).argmax(axis=0)
        self._basis = basis * np.sign(basis[largest, range(basis.shape[1])])
        projected = (truth - self._mean) @ self._basis
        self._low, high = np.percentile(projected, (_CUT, 100 - _CUT), axis=0)
        self._range = np.maximum(high - self._low, 1e-9)
        self.ceiling = max(_LEAST_CEILING, float(np.percentile(distances, 99.5)))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """`(..., width)` features as `(..., 3)` uint8 RGB; beyond the range they are cut off."""
        level = ((features - self._mean) @ self._basis - self._low) / self._range
        return np.round(255 * np.clip(level, 0, 1)).astype(np.uint8)
