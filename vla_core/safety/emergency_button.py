"""Whether the emergency stop is released: the last message of its topic, and when."""

from __future__ import annotations

from vla_core.types import NANOSECONDS

#: For how long "pressed" counts where nothing is said after it [s].
_PRESSED_S = 0.5


class EmergencyButton:
    """The emergency stop as of its messages.

    Args:
        heartbeat_s: longest time between two messages [s]; 0: none are expected.
    """

    def __init__(self, heartbeat_s: float = 0.0) -> None:
        self._heartbeat_s = heartbeat_s
        self._pressed = False
        self._received_ns: int | None = None

    def update(self, pressed: bool, now_ns: int) -> None:
        """A message has come."""
        self._pressed, self._received_ns = pressed, now_ns

    def set_forward(self, by_s: float) -> None:
        """The clock was set forward: no message stayed out for that."""
        if self._received_ns is not None:
            self._received_ns += round(by_s * NANOSECONDS)

    def problem(self, now_ns: int) -> str:
        """Why the robot must stand still; "" where it need not."""
        if self._received_ns is None:
            silent_s = float("inf")
        else:
            self._received_ns = min(self._received_ns, now_ns)  # the clock may have been set back
            silent_s = (now_ns - self._received_ns) / NANOSECONDS
        if self._pressed and silent_s <= max(self._heartbeat_s, _PRESSED_S):
            return "the emergency stop is pressed"
        if self._heartbeat_s and silent_s > self._heartbeat_s:
            since = "has not come" if self._received_ns is None else f"is {silent_s:.3f} s old"
            return f"the emergency stop's heartbeat {since}, limit {self._heartbeat_s} s"
        return ""
