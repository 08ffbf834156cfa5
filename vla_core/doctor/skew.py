"""Is there a joint state for every picture, near enough in time for an observation?"""

from __future__ import annotations

from collections import deque

from vla_core.doctor.contract import Role
from vla_core.doctor.events import Arrival
from vla_core.doctor.finding import Findings, Kind
from vla_core.types import NANOSECONDS

#: What the camera node allows of an observation's parts (its `max_skew_s`).
MAX_SKEW_S = 0.05
_STATES_KEPT = 512
#: A picture waits so long for the joint state behind it [ns].
_PATIENCE_NS = NANOSECONDS


class Skew:
    """Compares every picture with the nearest joint state."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._states: deque[int] = deque(maxlen=_STATES_KEPT)
        self._waiting: deque[tuple[str, int, int]] = deque()

    def see(self, arrival: Arrival, role: Role) -> None:
        """Take in a picture or a joint state."""
        time_ns = arrival.log_ns if arrival.stamp_ns is None else arrival.stamp_ns
        if role is Role.MEASURED:
            if self._states and time_ns < self._states[-1]:  # the clock was set back: another time
                self._states.clear()
                self._waiting.clear()
            self._states.append(time_ns)
        elif role is Role.CAMERA:
            self._waiting.append((arrival.topic, time_ns, arrival.log_ns))
        while self._waiting and (
            (self._states and self._states[-1] >= self._waiting[0][1])
            or arrival.log_ns - self._waiting[0][2] > _PATIENCE_NS
        ):
            self._judge(*self._waiting.popleft())

    def finish(self) -> None:
        """Judge the last pictures."""
        while self._waiting:
            self._judge(*self._waiting.popleft())

    def _judge(self, topic: str, time_ns: int, log_ns: int) -> None:
        if not self._states:
            return
        skew_s = min(abs(state - time_ns) for state in self._states) / NANOSECONDS
        if skew_s > MAX_SKEW_S:
            text = f"the nearest joint state is {skew_s:.3f} s away, at most {MAX_SKEW_S:g} s fits"
            self._findings.add(Kind.SKEW, topic, log_ns, text, skew_s)
