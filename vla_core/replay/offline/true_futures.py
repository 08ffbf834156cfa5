"""What was seen at the time that an intent looks ahead to, in the policy's feature space."""

from __future__ import annotations

import time
from collections import deque

import numpy as np

from vla_core.contract.protocol import FeatureEncoder
from vla_core.metrics.listener import ReplayListener
from vla_core.types import NANOSECONDS, LatentIntent, Observation

#: How far the nearest observation may lie from the time that the foresight is for [ns].
_NEAR_NS = NANOSECONDS // 20


def has_foresight(intent: LatentIntent) -> bool:
    """Whether an intent says how the future looks, in the features in which it says the present."""
    return {"foresight", "current"} <= set(intent.tensors)


class TrueFutures(ReplayListener):
    """Tells `came_true` of every intent with a foresight, once its future is known or over.

    Args:
        encoder: gives the features of an observation; None: no future is known.
        told: who is told.
    """

    def __init__(self, encoder: FeatureEncoder | None, told: ReplayListener) -> None:
        self._encoder = encoder
        self._told = told
        self._waiting: deque[tuple[int, LatentIntent]] = deque()
        self._last: Observation | None = None

    def began(self, episode: str) -> None:
        """Nothing is waited for."""
        self._last = None

    def intended(self, seen: Observation, intent: LatentIntent) -> None:
        """Wait for the future that it foresees."""
        if has_foresight(intent):
            due_ns = seen.stamp_ns + round(intent.lookahead_s * NANOSECONDS)
            self._waiting.append((due_ns, intent))

    def observed(self, seen: Observation) -> None:
        """Encode the observation that is nearest to a time that was waited for."""
        while self._waiting and self._waiting[0][0] <= seen.stamp_ns:
            due_ns, intent = self._waiting.popleft()
            near = [o for o in (self._last, seen) if o is not None]
            nearest = min(near, key=lambda o: abs(o.stamp_ns - due_ns))
            close = abs(nearest.stamp_ns - due_ns) <= _NEAR_NS
            self._tell(intent, nearest if close else None)
        self._last = seen

    def ended(self) -> None:
        """What is waited for does not come any more."""
        while self._waiting:
            self._tell(self._waiting.popleft()[1], None)

    def _tell(self, intent: LatentIntent, future: Observation | None) -> None:
        if future is None or self._encoder is None:
            self._told.came_true(intent, None, 0.0)
            return
        started_s = time.perf_counter()
        truth = np.asarray(self._encoder.features(future), np.float32)
        self._told.came_true(intent, truth, time.perf_counter() - started_s)
