"""A server that is never trusted with time: deadlines, epochs, one request at a time, back-off."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from vla_core.errors import ChunkError, PolicyError
from vla_core.policies.remote.contract import Times
from vla_core.policies.remote.wire import ServerError, Wire, WireError

#: The first and the longest pause before the next attempt to connect [s]; each is twice the last.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


class _Asked(NamedTuple):
    """A request whose reply is still to come."""

    epoch: int
    at_s: float


class Link:
    """Asks one server; never has two requests under way, so no reply is taken for another's.

    A reply that comes after its deadline, or after a reset, is counted and thrown away. Until it is
    there nothing else is asked: a slow server is not buried. After `Times.lost_s` it is given up,
    with its connection.

    Args:
        wire: the protocol.
        check: refuses what the server says of itself, at each connection; raises `PolicyError`.
        times: how long is waited.
        clock: seconds that only go forward.

    Attributes:
        counts: of what was not executed, by reason; and of connections.
    """

    def __init__(
        self,
        wire: Wire,
        check: Callable[[Mapping[str, Any]], None],
        times: Times,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wire, self._check, self._times, self._clock = wire, check, times, clock
        self.counts: Counter[str] = Counter()
        self._epoch = 0
        self._asked: _Asked | None = None
        self._is_open = False
        self._pause_s, self._next_s = FIRST_PAUSE_S, 0.0

    def open(self) -> None:
        """Connect.

        Raises:
            WireError: nobody answers.
            PolicyError: the server says of itself what the contract does not.
        """
        self._asked = None
        try:
            self._check(self._wire.open(self._times.connect_s))
        except Exception:
            self._lose()
            raise
        self.counts["connections"] += 1
        self._is_open, self._pause_s = True, FIRST_PAUSE_S

    def reset(self) -> None:
        """What was asked before is for nothing now; any thread may say so."""
        self._epoch += 1

    def ask(self, request: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """The reply, in time.

        Raises:
            ChunkError: there is none that may be executed; says why.
        """
        self._require_open()
        self._drain()
        asked = self._asked = _Asked(self._epoch, self._clock())
        try:
            self._wire.send(request)
            reply = self._wire.receive(self._times.deadline_s)
        except TimeoutError:
            raise self._refused("late", f"no reply within {self._times.deadline_s:g} s") from None
        except (WireError, ServerError) as error:
            raise self._broken(error) from error
        self._asked = None
        if asked.epoch != self._epoch:
            raise self._refused("cancelled", "the reply is to what was told before")
        if self._clock() - asked.at_s > self._times.deadline_s:
            raise self._refused("late", f"the reply took over {self._times.deadline_s:g} s")
        return reply

    def refuse(self, reason: str, what: str) -> ChunkError:
        """Count a reply that cannot be executed; the error to raise."""
        return self._refused(reason, what)

    def close(self) -> None:
        """End the connection."""
        self._wire.close()
        self._is_open = False

    def _require_open(self) -> None:
        if self._is_open:
            return
        if self._clock() < self._next_s:
            raise self._refused("not connected", "waits before it connects again")
        try:
            self.open()
        except (PolicyError, WireError) as error:
            raise self._refused("not connected", str(error)) from error

    def _drain(self) -> None:
        """Throw away the reply to a request whose deadline has passed."""
        if self._asked is None:
            return
        try:
            self._wire.receive(0.0)
        except TimeoutError:
            if self._clock() - self._asked.at_s < self._times.lost_s:
                raise self._refused("waiting", "the reply before is still to come") from None
            raise self._broken(WireError(f"silent for {self._times.lost_s:g} s")) from None
        except (WireError, ServerError) as error:
            raise self._broken(error) from error
        self.counts["late replies thrown away"] += 1
        self._asked = None

    def _broken(self, error: WireError | ServerError) -> ChunkError:
        """The connection cannot be used further: a reply on it might be another's."""
        self._lose()
        reason = "server errors" if isinstance(error, ServerError) else "connection lost"
        return self._refused(reason, str(error))

    def _lose(self) -> None:
        self.close()
        self._asked = None
        self._next_s = self._clock() + self._pause_s
        self._pause_s = min(2.0 * self._pause_s, LONGEST_PAUSE_S)

    def _refused(self, reason: str, what: str) -> ChunkError:
        self.counts[reason] += 1
        return ChunkError(f"remote policy: {what} ({reason}: {self.counts[reason]} so far)")
