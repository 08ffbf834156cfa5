"""How far each tick moves the command, by a clock that may be set and one that never is."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from vla_core.types import NANOSECONDS

#: Ticks over which the distance of the two clocks is compared.
_COMPARED = 20
#: While there are fewer, all of them may be late, by up to this much.
_LATE_READINGS_NS = 50_000_000
#: Longest delay of a simulated clock's messages that moves the command as if there were none [s].
LEAD_S = 0.025


@dataclass(frozen=True)
class Passed:
    """What has passed since the last tick.

    Attributes:
        periods: whole periods that the command moves by; 0 where the last tick was in this one.
        elapsed_s: time by the clock of the stamps, without its jumps [s].
        late: whether ticks were missed, by the steady clock.
        set_back: whether the clock of the stamps was set back.
        set_forward_s: by how much it was set forward [s].
    """

    periods: int
    elapsed_s: float
    late: bool = False
    set_back: bool = False
    set_forward_s: float = 0.0


class TickClock:
    """Counts periods on a regular grid of the clock of the stamps, wherever ticks fall in them.

    The two clocks are read one after the other, and a process may lose the processor in between; a
    simulated clock comes in messages, some of them late. Either way the clock of the stamps only
    seems to have lost. So its time is taken from the steady clock and from where it stood farthest
    ahead of that lately. It is set forward where it is more than a period ahead of it all; after a
    start, or once it was set, by more than 50 ms, as its first readings may all be late.

    A simulated clock may also run slower than the steady one, or stand still; so the time taken from
    the steady clock runs ahead of its last message by no more than `LEAD_S`.

    Args:
        period_s: between two ticks [s].
        simulated: whether the clock of the stamps is a simulated one.

    Attributes:
        now_ns: time of the newest tick on the clock of the stamps [ns].
        played_ns: nominal time of the newest tick: whole periods since the start, or since the
            clock was set [ns].
    """

    def __init__(self, period_s: float, simulated: bool = False) -> None:
        self._period_s = period_s
        self._lead_ns = round(LEAD_S * NANOSECONDS) if simulated else None
        self._period_ns = round(period_s * NANOSECONDS)
        self._last: tuple[int, int] | None = None
        self._ahead_ns: deque[int] = deque(maxlen=_COMPARED)
        self.now_ns = self.played_ns = 0

    def tick(self, now_ns: int, steady_ns: int) -> Passed:
        """A tick has come.

        Args:
            now_ns: on the clock of the stamps; to be read first.
            steady_ns: on a clock that is never set.
        """
        last, self._last = self._last, (now_ns, steady_ns)
        if last is None:
            self.now_ns = self.played_ns = now_ns
            self._ahead_ns.append(now_ns - steady_ns)
            return Passed(1, self._period_s)
        steady_s = max(0, steady_ns - last[1]) / NANOSECONDS
        steady_periods = max(1, round(steady_s / self._period_s))
        late = steady_periods > 1
        set_forward_ns = now_ns - steady_ns - max(self._ahead_ns)
        settled = len(self._ahead_ns) == _COMPARED
        most_ns = self._period_ns if settled else max(self._period_ns, _LATE_READINGS_NS)
        set_back = now_ns < last[0]
        if set_back or set_forward_ns > most_ns:
            self._ahead_ns.clear()
            self._ahead_ns.append(now_ns - steady_ns)
            self.now_ns = self.played_ns = now_ns
            set_forward_s = 0.0 if set_back else set_forward_ns / NANOSECONDS
            return Passed(steady_periods, steady_s, late, set_back, set_forward_s)
        self._ahead_ns.append(now_ns - steady_ns)
        before_ns = self.now_ns
        taken_ns = steady_ns + max(self._ahead_ns)
        if self._lead_ns is not None:
            taken_ns = min(taken_ns, now_ns + self._lead_ns)
        self.now_ns = max(before_ns, taken_ns)
        periods = (self.now_ns - self.played_ns + self._period_ns // 2) // self._period_ns
        self.played_ns += periods * self._period_ns
        return Passed(periods, (self.now_ns - before_ns) / NANOSECONDS, late)
