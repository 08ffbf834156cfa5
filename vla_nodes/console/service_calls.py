"""Services asked without waiting: what comes of each is told in words, in time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from rclpy.client import Client
from rclpy.task import Future

from vla_core.console.snapshot import Answer

_MOST_ANSWERS = 20


class Words(NamedTuple):
    """What a service answered, for a person; and whether it does what was asked."""

    text: str
    good: bool


class _Call(NamedTuple):
    what: str
    client: Client
    future: Future
    until_s: float
    read: Callable[[Any], Words | None]


class ServiceCalls:
    """Owned by one thread, which calls `check` again and again.

    Attributes:
        answers: the newest last.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._number = 0
        self.answers: deque[Answer] = deque(maxlen=_MOST_ANSWERS)

    @property
    def asks(self) -> tuple[str, ...]:
        """What is not answered yet."""
        return tuple(call.what for call in self._calls)

    def say(self, text: str, good: bool = False) -> None:
        """Tell something; what was told just before is told once, with the time of the last."""
        if self.answers and self.answers[-1].text == text:
            self.answers.pop()
        self._number += 1
        clock = datetime.now().strftime("%H:%M:%S")
        self.answers.append(Answer(self._number, clock, text, good))

    def ask(
        self,
        what: str,
        client: Client,
        request: Any,
        read: Callable[[Any], Words | None],
        nobody: str,
        timeout_s: float = 5.0,
    ) -> bool:
        """Ask; whether there is somebody to ask.

        Args:
            what: words for it.
            read: the answer in words; None says nothing.
            nobody: what to say where nobody offers the service.
            timeout_s: longest wait for the answer [s].
        """
        if not client.service_is_ready():
            self.say(f"{what}: {nobody}")
            return False
        until_s = time.monotonic() + timeout_s
        self._calls.append(_Call(what, client, client.call_async(request), until_s, read))
        return True

    def check(self) -> None:
        """Tell what has been answered, or was not in time."""
        for call in list(self._calls):
            if call.future.done():
                self._calls.remove(call)
                words = call.read(call.future.result())
                if words is not None:
                    self.say(f"{call.what}: {words.text}", words.good)
            elif time.monotonic() > call.until_s:
                self._calls.remove(call)
                call.client.remove_pending_request(call.future)
                self.say(f"{call.what}: no answer from {call.client.srv_name} in time")
