"""The graph of `config/graph.yaml`, started from here and ended with this process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from vla_nodes.graph.description import BRING_UP, Graph
from vla_nodes.graph.graph_processes import GraphProcesses
from vla_nodes.graph.process_group import Ended
from vla_nodes.graph.supervision import BackOff
from vla_nodes.observe.graph_observer import GraphError


class LiveGraph(GraphProcesses):
    """The processes of the graph; use it in `with`. Unless `given` says so, none is started again.

    Start it in the main thread and before any other thread (see `ProcessGroup`).

    Args:
        given: arguments of the graph, as text.
        logs: folder for one log a process.
        graph: the description; None: the package's.
        log: takes lines about what happens to the nodes.
        back_off: how long a node stays down.
    """

    def __init__(
        self,
        given: Mapping[str, str],
        logs: Path,
        graph: Graph | None = None,
        log: Callable[[str], None] = lambda line: None,
        back_off: BackOff = BackOff(),
    ) -> None:
        graph = graph or Graph.load()
        values = graph.values({"respawn": "false", **given})
        environment = graph.process_environment(os.environ)
        super().__init__(graph, values, environment, logs, back_off, log)
        self.logs = logs

    def check(self) -> bool:
        """Whether the bring-up is done.

        Raises:
            GraphError: a process has ended that should not have.
        """
        ended = self.watch()
        if ended is not None:
            raise GraphError(self._explain(ended))
        return self.is_up

    def wait_until_up(self, meanwhile: Callable[[], None], poll_s: float = 0.05) -> None:
        """Wait for the bring-up, which has time-outs of its own.

        Raises:
            GraphError: a node refused or died; with the last line of its log.
        """
        while not self.check():
            meanwhile()
            time.sleep(poll_s)

    @property
    def waits_for(self) -> str:
        """What the bring-up said last."""
        mark = f"[{BRING_UP}]: "
        line = _last_line(self.logs / f"{BRING_UP}.log", mark)
        return line.rpartition(mark)[2] or "waiting for the processes to start"

    def _explain(self, ended: Ended) -> str:
        log = self.logs / f"{ended.name}.log"
        return f"{ended}: {_last_line(log) or 'its log is empty'} (see {log})"


def _last_line(log: Path, mark: str = "") -> str:
    """The last line of a log that says something and contains `mark`."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip() and mark in line), "")
