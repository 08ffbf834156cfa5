"""How near the foresight is to the features of the true future, beside copying the present."""

from __future__ import annotations

from typing import Any

import numpy as np

from vla_core.contract.intent_view import ShownIntent
from vla_core.foresight.change_map import cosine_distance
from vla_core.metrics.histogram import Histogram
from vla_core.metrics.listener import ReplayListener, TrueFuture
from vla_core.types import LatentIntent


class ForesightScores(ReplayListener):
    """Compares the features that every intent foresees with those seen its look-ahead later.

    Errors are root mean squares over intents, patches and feature width, in the units of the
    features; beside them the cosine distance, patch by patch. The mean is that of the true futures
    themselves, patch by patch: what the best constant answer would reach on this recording.
    """

    def __init__(self) -> None:
        self._intents = self._width = 0
        self._cosines = np.zeros(2)
        self._encoder_ms = Histogram()
        #: Of each episode: sums of squares of foresight and copy, and how many intents.
        self._episodes: list[tuple[str, np.ndarray]] = []
        self._sum: np.ndarray | None = None
        self._sum_of_squares = 0.0

    def began(self, episode: str) -> None:
        """New sums."""
        self._episodes.append((episode, np.zeros(3)))

    def came_true(
        self, intent: LatentIntent, shown: ShownIntent, future: TrueFuture | None
    ) -> None:
        """Compare what was foreseen."""
        if shown.features is None or future is None or future.features is None:
            return
        self._encoder_ms.add(1e3 * future.encoder_s)
        self._compare((shown.features.predicted, shown.features.current), future.features)

    def _compare(self, said_of_future: tuple[np.ndarray, ...], truth: np.ndarray) -> None:
        self._intents += 1
        self._width = truth.size
        self._episodes[-1][1][2] += 1
        for place, said in enumerate(said_of_future):
            squares = np.square(said - truth, dtype=np.float64)
            self._episodes[-1][1][place] += float(squares.sum())
            self._cosines[place] += float(cosine_distance(said, truth).mean())
        exact = truth.astype(np.float64)
        self._sum = exact if self._sum is None else self._sum + exact
        self._sum_of_squares += float(np.square(exact).sum())

    def summary(self) -> dict[str, Any]:
        """`foresight_error` and what it is compared with; None without a foresight to score."""
        names = ("foresight_error", "foresight_error_copy", "foresight_error_mean")
        if not self._intents:
            return dict.fromkeys(names) | {"foresight_intents": 0}
        squares = sum(sums for _, sums in self._episodes)[:2]
        # E|f - mean|^2 = E|f|^2 - |mean|^2
        of_mean = self._sum_of_squares - float(np.square(self._sum).sum()) / self._intents
        cosines = (float(total / self._intents) for total in self._cosines)
        return {
            **{
                name: self._root_mean(square, self._intents)
                for name, square in zip(names, (*squares, max(of_mean, 0.0)), strict=True)
            },
            "foresight_cosine": dict(zip(("foresight", "copy"), cosines, strict=True)),
            "foresight_intents": self._intents,
            "encoder_ms": self._encoder_ms.summary(),
            "foresight_by_episode": {
                episode: {
                    "foresight": self._root_mean(foresight, intents),
                    "copy": self._root_mean(copy, intents),
                    "intents": int(intents),
                }
                for episode, (foresight, copy, intents) in self._episodes
                if intents
            },
        }

    def _root_mean(self, squares: float, intents: float) -> float:
        return float(np.sqrt(squares / (intents * self._width)))
