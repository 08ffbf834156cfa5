"""What follows when a process of the graph ends, however the processes are started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from vla_nodes.graph.description import BRING_UP, ArgumentValue, Graph, NodeProcess
from vla_nodes.graph.process_group import Ended


@dataclass(frozen=True)
class BackOff:
    """How long a node stays down before it is started again.

    Attributes:
        first_s: after its first end [s]; twice as long after each further one.
        longest_s: never longer than this [s].
        forgiven_after_s: a node that ran this long starts anew with `first_s` [s].
    """

    first_s: float = 1.0
    longest_s: float = 30.0
    forgiven_after_s: float = 60.0

    def delay_s(self, ends: int) -> float:
        """Wait after the `ends`-th end in a row, from 1 [s]."""
        return min(self.longest_s, self.first_s * 2.0 ** (ends - 1))


class Decision(NamedTuple):
    """What to do.

    Attributes:
        message: in words; empty: nothing.
        kill: process to end with SIGKILL, if it runs; empty: none.
        restart: node to start again, with a bring-up of its own; empty: none.
        delay_s: when [s].
        fatal: the graph cannot go on.
    """

    message: str = ""
    kill: str = ""
    restart: str = ""
    delay_s: float = 0.0
    fatal: bool = False


class Supervision:
    """Decides for one graph; is given every start and every end.

    A node that ends once the graph is up is started again where its description allows it, later
    each time, and brought up by a bring-up of its own: one at a time. One that cannot be brought up
    is ended, and so started again later. What else ends, ends the graph.

    Args:
        graph, values: the description and its arguments.
        back_off: how long a node stays down.

    Attributes:
        is_up: whether the bring-up of the whole graph is done.
    """

    def __init__(
        self, graph: Graph, values: Mapping[str, ArgumentValue], back_off: BackOff = BackOff()
    ) -> None:
        self.is_up = False
        self.described = {process.name: process for process in graph.processes(values)}
        self._bring_ups = {name: graph.bring_up_again(name, values) for name in self.described}
        self._nodes = {process.name: name for name, process in self._bring_ups.items()}
        self._back_off = back_off
        self._waiting: set[str] = set()
        self._started_s: dict[str, float] = {}
        self._ends: dict[str, int] = {}

    def again(self, name: str) -> tuple[NodeProcess, NodeProcess]:
        """A node and its bring-up."""
        return self.described[name], self._bring_ups[name]

    def started(self, name: str, now_s: float) -> None:
        """A process was started now [s]."""
        self._started_s[name] = now_s
        self._waiting.discard(name)

    def ended(self, ended: Ended, now_s: float) -> Decision:
        """A process has ended now [s], and nobody asked it to."""
        if ended.name == BRING_UP and ended.returncode == 0:
            self.is_up = True
            return Decision()
        if ended.name in self._nodes:
            return self._after_bring_up(self._nodes[ended.name], ended)
        process = self.described.get(ended.name)
        if not self.is_up or process is None or not process.respawn:
            return Decision(message=f"{ended}: the graph goes down", fatal=True)
        return self._after_node(ended, now_s)

    def _after_node(self, ended: Ended, now_s: float) -> Decision:
        name = ended.name
        ran_s = now_s - self._started_s[name]
        ends = 1 if ran_s > self._back_off.forgiven_after_s else self._ends.get(name, 0) + 1
        self._ends[name] = ends
        self._waiting.add(name)
        delay_s = self._back_off.delay_s(ends)
        message = f"{ended}: it is started again in {delay_s:g} s"
        return Decision(message, self._bring_ups[name].name, name, delay_s)

    def _after_bring_up(self, name: str, ended: Ended) -> Decision:
        if ended.returncode == 0:
            return Decision(f"{name} is up again")
        if name in self._waiting:  # it ended itself, and its bring-up with it
            return Decision()
        return Decision(f"{name} could not be brought up again ({ended}): it is ended", name)
