"""The last seconds of everything that was received."""

from __future__ import annotations

from collections import deque

from vla_core.recordings.bags.bag_writer import RecordedMessage
from vla_core.types import NANOSECONDS


class RingBuffer:
    """Keeps messages for a time, and no more than fit.

    Args:
        seconds: how long [s].
        largest_bytes: of all messages; where that is less than `seconds` of them, the oldest go.
    """

    def __init__(self, seconds: float, largest_bytes: int) -> None:
        self._window_ns = round(seconds * NANOSECONDS)
        self._largest_bytes = largest_bytes
        self._messages: deque[RecordedMessage] = deque()
        self._bytes = 0

    def add(self, message: RecordedMessage) -> None:
        """Keep a message, and let go of what is too old or too much."""
        self._messages.append(message)
        self._bytes += len(message.data)
        oldest_ns = message.log_ns - self._window_ns
        while self._messages[0].log_ns < oldest_ns or self._bytes > self._largest_bytes:
            self._bytes -= len(self._messages.popleft().data)
            if not self._messages:
                return

    def newest(self) -> list[RecordedMessage]:
        """What is kept, oldest first."""
        return list(self._messages)
