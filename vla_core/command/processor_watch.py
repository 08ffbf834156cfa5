"""When the machine keeps its processors from whoever must not wait: an empty loop on each, first.

The host of a virtual machine takes its processors away now and then, and firmware takes those of a
real one; no priority helps. What was late meanwhile was not late because of the program.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from typing import NamedTuple

from typing_extensions import Self

from vla_core.command.periodic import PeriodicLoop

_RATE_HZ = 500.0
#: Before the command loop, and whatever else runs here.
_PRIORITY = 95
#: Shorter absences are not reported [ns].
_NOTICED_NS = 1_000_000


class Absence(NamedTuple):
    """A processor was away from `begin_ns` to `end_ns`, on the system's clock [ns]."""

    begin_ns: int
    end_ns: int


class ProcessorWatch:
    """Watches every processor that this process may use, by a process on each; use it in `with`.

    Absences from 3 ms on are all noticed.

    Args:
        priority: of SCHED_FIFO, 1 to 99.
    """

    def __init__(self, priority: int = _PRIORITY) -> None:
        self._priority = priority
        self._processes: list[multiprocessing.process.BaseProcess] = []
        self._ends: list[Connection] = []
        self._absences: list[Absence] = []
        self._watches = True

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        for processor in sorted(os.sched_getaffinity(0)):
            here, there = context.Pipe(duplex=False)
            given = (processor, self._priority, there)
            process = context.Process(target=_watch, args=given, daemon=True)
            process.start()
            there.close()
            self._processes.append(process)
            self._ends.append(here)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
            process.join()
        for end in self._ends:
            end.close()

    def absences(self) -> list[Absence] | None:
        """Of all processors, so far; None where SCHED_FIFO was refused: then nothing is known.

        To be called now and then: what is not taken waits in pipes of some thousand absences.
        """
        try:
            for end in self._ends if self._watches else ():
                while end.poll():
                    self._absences.append(end.recv())
        except EOFError:
            self._watches = False
        return list(self._absences) if self._watches else None


def _watch(processor: int, priority: int, sender: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with who started it
    os.sched_setaffinity(0, {processor})
    gc.disable()
    loop = PeriodicLoop(_RATE_HZ)
    loop.make_realtime(priority)
    if os.sched_getscheduler(0) != os.SCHED_FIFO:
        return
    woke_ns = time.time_ns()
    while True:
        loop.wait()
        due_ns, woke_ns = woke_ns + loop.period_ns, time.time_ns()
        if woke_ns - due_ns > _NOTICED_NS:
            sender.send(Absence(due_ns, woke_ns))
