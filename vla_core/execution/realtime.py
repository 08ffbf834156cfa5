"""Asks the system to run threads before all others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


def make_realtime(threads: Iterable[int], priority: int) -> str:
    """Ask for SCHED_FIFO; returns what came of it, to be said once.

    Args:
        threads: ids; 0 is the calling one.
        priority: 1 to 99.
    """
    try:
        for thread in threads:
            os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(priority))
    except (OSError, AttributeError) as error:
        return (
            f"no SCHED_FIFO ({error}): may be some ms late under load; allow it with CAP_SYS_NICE "
            "or `ulimit -r 80`"
        )
    return f"SCHED_FIFO, priority {priority}"


@contextmanager
def realtime(priority: int) -> Iterator[None]:
    """The calling thread runs before all ordinary ones meanwhile, where that is permitted."""
    make_realtime((0,), priority)
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def threads_of_this_process() -> list[int]:
    """Ids of all threads there are, those of the middleware with them."""
    return [int(name) for name in os.listdir("/proc/self/task")]
