"""Statistics of an episode's numbers and pictures, as LeRobot's `stats.json` has them."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

#: Which are told beside the least, the largest, the mean and the deviation.
QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}

Statistics = Mapping[str, np.ndarray]


def statistics_of(values: np.ndarray) -> Statistics:
    """Of each column of `(frames, numbers)`; `count` is `(1,)`, the others `(numbers,)`."""
    quantiles = np.quantile(values, list(QUANTILES.values()), axis=0)
    return {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "count": np.array([len(values)]),
        **dict(zip(QUANTILES, quantiles, strict=True)),
    }


class PictureStatistics:
    """Of each colour over every pixel of every picture, 0..1, by a histogram; keeps no picture."""

    def __init__(self) -> None:
        self._histogram = np.zeros((3, 256), np.int64)
        self._count = 0

    def add(self, pixels: np.ndarray) -> None:
        """Take a picture `(height, width, 3)` uint8."""
        self._count += 1
        for colour, counts in enumerate(self._histogram):
            found = cv2.calcHist([pixels], [colour], None, [256], [0, 256])
            counts += found.reshape(-1).astype(np.int64)

    def statistics(self) -> Statistics:
        """`count` is the number of pictures, `(1,)`; the others are `(3, 1, 1)`."""
        levels = np.arange(256) / 255
        share = self._histogram / self._histogram.sum(axis=1, keepdims=True)
        mean = share @ levels
        found = {
            "min": levels[(share > 0).argmax(axis=1)],
            "max": levels[255 - (share[:, ::-1] > 0).argmax(axis=1)],
            "mean": mean,
            "std": np.sqrt((share * np.square(levels - mean[:, None])).sum(axis=1)),
        }
        reached = self._histogram.cumsum(axis=1) / self._histogram.sum(axis=1, keepdims=True)
        for name, part in QUANTILES.items():
            found[name] = levels[(reached >= part).argmax(axis=1)]
        shaped = {name: value.reshape(3, 1, 1) for name, value in found.items()}
        return shaped | {"count": np.array([self._count])}


class DepthStatistics:
    """Of depth [m], by every eighth pixel of every eighth row; 0 where nothing was measured."""

    def __init__(self) -> None:
        self._samples: list[np.ndarray] = []

    def add(self, depth: np.ndarray) -> None:
        """Take `(height, width)` float32."""
        self._samples.append(depth[::8, ::8].reshape(-1))

    def statistics(self) -> Statistics:
        """`count` is the number of pictures, `(1,)`; the others are `(1, 1, 1)`."""
        found = statistics_of(np.concatenate(self._samples).astype(float).reshape(-1, 1))
        shaped = {name: value.reshape(1, 1, 1) for name, value in found.items()}
        return shaped | {"count": np.array([len(self._samples)])}


def joined(one: Statistics, other: Statistics) -> Statistics:
    """Of both together: exact but for the quantiles, which are means by count, as LeRobot's are."""
    counts = np.array([one["count"][0], other["count"][0]], float)
    weights = counts / counts.sum()

    def mean(name: str) -> np.ndarray:
        return weights[0] * one[name] + weights[1] * other[name]

    squares = [np.square(each["std"]) + np.square(each["mean"]) for each in (one, other)]
    variance = weights[0] * squares[0] + weights[1] * squares[1] - np.square(mean("mean"))
    return {
        "min": np.minimum(one["min"], other["min"]),
        "max": np.maximum(one["max"], other["max"]),
        "mean": mean("mean"),
        "std": np.sqrt(np.maximum(variance, 0.0)),
        "count": one["count"] + other["count"],
        **{name: mean(name) for name in QUANTILES},
    }
