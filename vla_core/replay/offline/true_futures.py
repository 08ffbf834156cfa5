"""What was seen at the time that an intent looks ahead to, in the policy's feature space."""

from __future__ import annotations

import time
from collections import deque

import numpy as np

from vla_core.contract.intent_view import IntentView, ShownIntent
from vla_core.contract.protocol import FeatureEncoder
from vla_core.metrics.listener import ReplayListener, TrueFuture
from vla_core.types import NANOSECONDS, LatentIntent, Observation

#: How far the nearest observation may lie from the time that the foresight is for [ns].
_NEAR_NS = NANOSECONDS // 20


class TrueFutures(ReplayListener):
    """Tells `came_true` of every intent, once its future is known or over.

    Args:
        view: shows the intents.
        encoder: gives the features of an observation; None: the policy shows none.
        told: who is told.
    """

    def __init__(
        self, view: IntentView, encoder: FeatureEncoder | None, told: ReplayListener
    ) -> None:
        self._view = view
        self._encoder = encoder
        self._told = told
        self._waiting: deque[tuple[int, LatentIntent]] = deque()
        self._last: Observation | None = None

    def began(self, episode: str) -> None:
        """Nothing is waited for."""
        self._last = None

    def intended(self, seen: Observation, intent: LatentIntent) -> None:
        """Wait for the future that it foresees."""
        due_ns = seen.stamp_ns + round(intent.lookahead_s * NANOSECONDS)
        self._waiting.append((due_ns, intent))

    def observed(self, seen: Observation) -> None:
        """Take the observation that is nearest to a time that was waited for."""
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

    def _tell(self, intent: LatentIntent, nearest: Observation | None) -> None:
        shown = self._view.show(intent)
        future = None if nearest is None else self._future(nearest, shown)
        self._told.came_true(intent, shown, future)

    def _future(self, nearest: Observation, shown: ShownIntent) -> TrueFuture:
        if shown.features is None or self._encoder is None:
            return TrueFuture(nearest)
        started_s = time.perf_counter()
        features = np.asarray(self._encoder.features(nearest), np.float32)
        return TrueFuture(nearest, features, time.perf_counter() - started_s)
