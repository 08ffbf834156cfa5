"""Keeps the policy in command of a replay, where that means something."""

from __future__ import annotations

import time

from vla_core.types import ControlMode
from vla_nodes.observe.graph_observer import GraphObserver

#: Above this many times real time a control period of the recording is shorter than the command
#: loop's: nothing is commanded.
FASTEST_COMMANDED = 1.0
_ASK_AGAIN_S = 0.5


class ReplayModes:
    """Asks for POLICY up to `FASTEST_COMMANDED`, for HOLD above.

    The recorded robot does not follow, so the safety layer may stop the policy; then the command
    begins anew from where the recorded robot stands.

    Args:
        observer: of the graph.

    Attributes:
        stops: how often POLICY ended by itself, by reason.
    """

    def __init__(self, observer: GraphObserver) -> None:
        self._observer = observer
        self._asked_s = 0.0
        self._was = observer.mode
        self.stops: dict[str, int] = {}

    def attend(self, rate: float) -> None:
        """Ask for what should be in force; call it again and again."""
        mode, wanted = self._observer.mode, ControlMode.POLICY
        if rate > FASTEST_COMMANDED:
            wanted = ControlMode.HOLD
        left_policy = self._was is ControlMode.POLICY and mode is not ControlMode.POLICY
        if left_policy and wanted is ControlMode.POLICY:
            reason = self._observer.mode_reason
            self.stops[reason] = self.stops.get(reason, 0) + 1
        self._was = mode
        now_s = time.monotonic()
        if mode is wanted or now_s - self._asked_s < _ASK_AGAIN_S:
            return
        self._asked_s = now_s
        if mode in (ControlMode.IDLE, ControlMode.POLICY):
            self._observer.ask_mode(ControlMode.HOLD)
        elif mode is ControlMode.HOLD and self._observer.ask_mode(ControlMode.POLICY):
            self._observer.ask_mode(ControlMode.IDLE)
