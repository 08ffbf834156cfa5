"""A thread that computes on the newest input only; the node's other callbacks never wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from vla_core.observation.pacing import StampPacer

_Input = TypeVar("_Input")
#: Longest time that a stop waits for a computation under way [s].
JOIN_TIMEOUT_S = 10.0
_POLL_S = 0.2


class InferenceWorker(Generic[_Input]):
    """Runs `compute` on the newest input, at most at a rate by the inputs' stamps.

    Args:
        compute: called in the worker's thread.
        on_error: gets what `compute` raised; the worker goes on.
        rate_hz: highest rate [Hz].
    """

    def __init__(
        self,
        compute: Callable[[_Input], None],
        on_error: Callable[[Exception], None],
        rate_hz: float,
    ) -> None:
        self._compute = compute
        self._on_error = on_error
        self._pacer = StampPacer(rate_hz)
        self._changed = threading.Condition()
        """Guards `_newest`, `_computing` and `_stopped`."""
        self._newest: _Input | None = None
        self._computing = False
        self._stopped = False
        self.skipped = 0
        """Inputs that were due but replaced by a newer one while computing."""
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)

    @property
    def busy(self) -> bool:
        """Whether an input waits or is computed on."""
        with self._changed:
            return self._computing or self._newest is not None

    def start(self) -> None:
        """Begin to compute."""
        self._thread.start()

    def offer(self, item: _Input, stamp_ns: int) -> None:
        """Hand over an input; an older one that waits is forgotten."""
        if not self._pacer.due(stamp_ns):
            return
        with self._changed:
            self.skipped += self._newest is not None
            self._newest = item
            self._changed.notify()

    def stop(self) -> None:
        """End after the computation under way, waiting for it at most `JOIN_TIMEOUT_S`."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(JOIN_TIMEOUT_S)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._computing = False
                while self._newest is None and not self._stopped:
                    self._changed.wait(_POLL_S)
                if self._stopped:
                    return
                item, self._newest = self._newest, None
                self._computing = True
            try:
                self._compute(item)
            except Exception as error:  # noqa: BLE001  a refusal or a bug: shown, never fatal
                self._on_error(error)
