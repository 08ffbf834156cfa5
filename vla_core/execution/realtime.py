"""Asks the system to run a process before others: its loop before all, its other threads early.

SCHED_FIFO is for a loop alone. With the middleware's threads of the command node at SCHED_FIFO, up
to 144 ticks (0.7 s) were missed around one of 37 live takeovers; with a low niceness 15 at most, in
20. Supposed cause: threads of several processes share locks in memory, and one of SCHED_FIFO that
waits for an ordinary one keeps the processor from it.
"""

from __future__ import annotations

import os

_HINT = "may be some ms late under load; allow it with CAP_SYS_NICE or `ulimit -r 80`"
#: Niceness of threads that run early, but not before all.
_EARLY = -15


def make_realtime(priority: int) -> str:
    """Ask for SCHED_FIFO for the calling thread; returns what came of it, to be said once.

    Args:
        priority: 1 to 99.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except (OSError, AttributeError) as error:
        return f"no SCHED_FIFO ({error}): {_HINT}"
    return f"SCHED_FIFO, priority {priority}"


def make_early() -> str:
    """Ask for a low niceness for all threads of this process; returns what came of it.

    The middleware's threads are among them, which receive what a node is waiting for.
    """
    try:
        for thread in os.listdir("/proc/self/task"):
            os.setpriority(os.PRIO_PROCESS, int(thread), _EARLY)
    except OSError as error:
        return f"no niceness of {_EARLY} ({error}): {_HINT}"
    return f"niceness {_EARLY}"
