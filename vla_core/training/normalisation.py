"""A network's space for numbers of different size and unit, per dimension, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

#: Smallest scale that is told apart: joints [rad], positions [m], rotation columns.
FLOOR = 0.02


class Fit(Enum):
    """How a scaling is found from data; each in every dimension by itself."""

    DEVIATION = "deviation"
    """Mean to 0, standard deviation to 1."""
    SPREAD = "spread"
    """Root mean square about zero to 1; zero stays zero."""
    QUANTILES = "quantiles"
    """The 1st and the 99th percentile to -1 and 1: outliers do not squeeze the rest."""


@dataclass(frozen=True)
class Scaling:
    """y = (x - offset) / scale.

    Attributes:
        offset, scale: `(width,)` float32; no scale is 0.
    """

    offset: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, kind: Fit, values: np.ndarray, floor: float = FLOOR) -> Scaling:
        """Fitted to `(n, width)` values.

        Args:
            floor: smallest scale, so that what stands still is not blown up.
        """
        if kind is Fit.DEVIATION:
            offset, scale = values.mean(axis=0), values.std(axis=0)
        elif kind is Fit.SPREAD:
            scale = np.sqrt((values**2).mean(axis=0))
            offset = np.zeros_like(scale)
        else:
            low, high = np.quantile(values, (0.01, 0.99), axis=0)
            offset, scale = (low + high) / 2, (high - low) / 2
        return cls(offset.astype(np.float32), np.maximum(scale, floor).astype(np.float32))

    @classmethod
    def about_zero(cls, scale: np.ndarray) -> Scaling:
        """Without an offset."""
        return cls(np.zeros_like(scale), scale)

    @classmethod
    def of(cls, stored: Mapping[str, list[float]], name: str) -> Scaling:
        """As `as_lists` has put it into a manifest's normalisation."""
        parts = (stored[f"{name}_{part}"] for part in ("offset", "std"))
        return cls(*(np.asarray(part, dtype=np.float32) for part in parts))

    def as_lists(self, name: str) -> dict[str, list[float]]:
        """For a manifest's normalisation."""
        return {f"{name}_offset": self.offset.tolist(), f"{name}_std": self.scale.tolist()}

    def normalised(self, values: np.ndarray) -> np.ndarray:
        """`(..., width)` to the network's space, float32."""
        return ((values - self.offset) / self.scale).astype(np.float32)

    def restored(self, values: np.ndarray) -> np.ndarray:
        """Inverse of `normalised`."""
        return values * self.scale + self.offset


@dataclass(frozen=True)
class Relative:
    """Chunks as differences from the state that they begin at, scaled.

    Attributes:
        scaling: of the differences.
    """

    scaling: Scaling

    def normalised(self, targets: np.ndarray, state: np.ndarray) -> np.ndarray:
        """`(..., H, width)` targets seen from `(..., width)` to the network's space, float32."""
        return self.scaling.normalised(targets - state[..., None, :])

    def restored(self, actions: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Inverse of `normalised`."""
        return state[..., None, :] + self.scaling.restored(actions)
