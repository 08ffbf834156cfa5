"""Asks the system to run a process before others: a loop before all, what it waits for early.

SCHED_FIFO is for a loop, or for a process that no loop waits for. With the middleware's threads of
the command node at SCHED_FIFO, up to 144 ticks (0.7 s) were missed around one of 37 live
takeovers; with a low niceness 15 at most, in 20. Supposed cause: threads of several processes share
locks in memory, and one of SCHED_FIFO that waits for an ordinary one keeps the processor from it.
"""

from __future__ import annotations

import os
from contextlib import suppress

_HINT = "may be some ms late under load; allow it with CAP_SYS_NICE or `ulimit -r 80`"
#: Niceness of threads that run early, but not before all.
_EARLY = -15


def make_realtime(priority: int, whole_process: bool = False) -> str:
    """Ask for SCHED_FIFO; returns what came of it, to be said once.

    Args:
        priority: 1 to 99.
        whole_process: all threads of this process, the middleware's among them, which receive what
            a node is waiting for; else the calling thread. Threads that are made later are
            scheduled as the one that makes them.
    """
    asked = os.sched_param(priority)
    try:
        for thread in _threads() if whole_process else (0,):
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.sched_setscheduler(thread, os.SCHED_FIFO, asked)
    except (OSError, AttributeError) as error:
        return f"no SCHED_FIFO ({error}): {_HINT}"
    return f"SCHED_FIFO, priority {priority}"


def make_early() -> str:
    """Ask for a low niceness for all threads of this process; returns what came of it."""
    try:
        for thread in _threads():
            with suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, thread, _EARLY)
    except OSError as error:
        return f"no niceness of {_EARLY} ({error}): {_HINT}"
    return f"niceness {_EARLY}"


def _threads() -> list[int]:
    return [int(thread) for thread in os.listdir("/proc/self/task")]
