"""Services asked without waiting: what comes of each is told in words, in time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from rclpy.client import Client
from rclpy.task import Future

from vla_core.console.snapshot import Answer

_MOST_ANSWERS = 20
#: A service is looked for so long before it counts as offered by nobody: to find those of a graph
#: takes a console that has just come a moment, and some seconds on a busy machine [s].
_FOUND_WITHIN_S = 3.0


class Words(NamedTuple):
    """What a service answered, for a person; and whether it does what was asked."""

    text: str
    good: bool


@dataclass
class _Call:
    """Something asked; `future` is None until somebody was found to ask."""

    what: str
    client: Client
    request: Any
    read: Callable[[Any], Words | None]
    nobody: str
    timeout_s: float
    until_s: float
    future: Future | None = None

    def try_to_begin(self) -> None:
        """Ask, if there is somebody to ask by now."""
        if self.future is None and self.client.service_is_ready():
            self.future = self.client.call_async(self.request)
            self.until_s = time.monotonic() + self.timeout_s


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

    def report(self, text: str, good: bool = False) -> None:
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
    ) -> None:
        """Ask; not twice while nobody has been found to ask.

        Args:
            what: words for it.
            read: the answer in words; None says nothing.
            nobody: what to say where nobody offers the service.
            timeout_s: longest wait for the answer [s].
        """
        if any(call.what == what and call.future is None for call in self._calls):
            return
        until_s = time.monotonic() + _FOUND_WITHIN_S
        call = _Call(what, client, request, read, nobody, timeout_s, until_s)
        call.try_to_begin()
        self._calls.append(call)

    def check(self) -> None:
        """Tell what has been answered, or was not in time."""
        for call in list(self._calls):
            call.try_to_begin()
            if call.future is not None and call.future.done():
                self._calls.remove(call)
                words = call.read(call.future.result())
                if words is not None:
                    self.report(f"{call.what}: {words.text}", words.good)
            elif time.monotonic() > call.until_s:
                self._calls.remove(call)
                if call.future is None:
                    self.report(f"{call.what}: {call.nobody}")
                    continue
                call.client.remove_pending_request(call.future)
                self.report(f"{call.what}: no answer from {call.client.srv_name} in time")
