"""How near the foresight is to the features of the true future, beside copying the present."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, NamedTuple

import numpy as np

from vla_core.policies.protocol import FeatureEncoder
from vla_core.replay.offline.histogram import Histogram
from vla_core.replay.offline.listener import ReplayListener
from vla_core.types import NANOSECONDS, LatentIntent, Observation

#: How far the nearest observation may lie from the time that the foresight is for [ns].
_NEAR_NS = NANOSECONDS // 20


class _Foreseen(NamedTuple):
    """An intent whose future has not come yet."""

    due_ns: int
    foresight: np.ndarray
    current: np.ndarray


class ForesightScores(ReplayListener):
    """Compares tensor `foresight` of every intent with what is seen its look-ahead later.

    Errors are root mean squares over intents, patches and feature width, in the units of the
    features; beside them the cosine distance, patch by patch. The mean is that of the true futures
    themselves, patch by patch: what the best constant answer would reach on this recording.

    Args:
        encoder: gives the features of an observation; None leaves the scores out.
    """

    def __init__(self, encoder: FeatureEncoder | None) -> None:
        self._encoder = encoder
        self._waiting: deque[_Foreseen] = deque()
        self._last: Observation | None = None
        self._intents = self._width = 0
        self._cosines = np.zeros(2)
        self._encoder_ms = Histogram()
        #: Of each episode: sums of squares of foresight and copy, and how many intents.
        self._episodes: list[tuple[str, np.ndarray]] = []
        self._sum: np.ndarray | None = None
        self._sum_of_squares = 0.0

    def began(self, episode: str) -> None:
        """What was foreseen before is not to come in this episode."""
        self._waiting.clear()
        self._last = None
        self._episodes.append((episode, np.zeros(3)))

    def intended(self, seen: Observation, intent: LatentIntent) -> None:
        """Wait for the future that it foresees."""
        if self._encoder is None or not {"foresight", "current"} <= set(intent.tensors):
            return
        foresight, current = (
            np.asarray(intent.tensors[name], np.float32) for name in ("foresight", "current")
        )
        due_ns = seen.stamp_ns + round(intent.lookahead_s * NANOSECONDS)
        self._waiting.append(_Foreseen(due_ns, foresight, current))

    def observed(self, seen: Observation) -> None:
        """Compare what was foreseen for now."""
        while self._waiting and self._waiting[0].due_ns <= seen.stamp_ns:
            foreseen = self._waiting.popleft()
            near = [o for o in (self._last, seen) if o is not None]
            nearest = min(near, key=lambda o: abs(o.stamp_ns - foreseen.due_ns))
            if abs(nearest.stamp_ns - foreseen.due_ns) <= _NEAR_NS:
                started_s = time.perf_counter()
                truth = self._encoder.features(nearest)
                self._encoder_ms.add(1e3 * (time.perf_counter() - started_s))
                self._compare(foreseen, np.asarray(truth, np.float32))
        self._last = seen

    def _compare(self, foreseen: _Foreseen, truth: np.ndarray) -> None:
        self._intents += 1
        self._width = truth.size
        self._episodes[-1][1][2] += 1
        for place, said in enumerate((foreseen.foresight, foreseen.current)):
            squares = np.square(said - truth, dtype=np.float64)
            self._episodes[-1][1][place] += float(squares.sum())
            self._cosines[place] += float(_cosine_distance(said, truth).mean())
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


def _cosine_distance(said: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """`(patches,)` distances of `(patches, width)` features."""
    lengths = np.linalg.norm(said, axis=-1) * np.linalg.norm(truth, axis=-1)
    return 1.0 - (said * truth).sum(axis=-1) / np.maximum(lengths, 1e-12)
