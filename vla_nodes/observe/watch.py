"""What a watching process does between two polls."""

from __future__ import annotations

import time

from vla_core.metrics.process_memory import MemoryWatch
from vla_nodes.observe.live_graph import LiveGraph
from vla_nodes.observe.live_status import LiveStatus

_MEMORY_PERIOD_S = 1.0


class Watch:
    """Looks after the graph's processes and their memory, and renews the display."""

    def __init__(self, graph: LiveGraph, status: LiveStatus, memory: MemoryWatch) -> None:
        self._graph = graph
        self._status = status
        self._memory = memory
        self._measured_s = 0.0

    def __call__(self) -> None:
        """One look.

        Raises:
            GraphError: a process of the graph has ended.
        """
        self._graph.check()
        now_s = time.monotonic()
        if now_s - self._measured_s > _MEMORY_PERIOD_S:
            self._measured_s = now_s
            self._memory.sample(self._graph.processes, now_s)
        self._status.update()
