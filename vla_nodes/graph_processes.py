"""The processes of a graph: started together, started again one by one, ended together."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vla_nodes.graph import BRING_UP, PACKAGE, ArgumentValue, Graph, NodeProcess
from vla_nodes.process_group import Ended, ProcessGroup
from vla_nodes.shared_memory import free_orphans


def command_line(process: NodeProcess, namespace: str) -> list[str]:
    """How a process is started: the module, then `--ros-args`; namespace: as `Graph` gives it."""
    arguments = ["-r", f"__node:={process.name}"]
    if namespace:
        arguments += ["-r", f"__ns:={namespace}"]
    for name, target in process.remappings.items():
        arguments += ["-r", f"{name}:={target}"]
    for name, value in process.parameters.items():
        arguments += ["-p", f"{name}:={_parameter_text(value)}"]
    module = f"{PACKAGE}.{process.executable}"
    return [sys.executable, "-m", module, "--ros-args", *arguments]


def _parameter_text(value: ArgumentValue) -> str:
    """A value as rcl's YAML reader takes it: texts quoted, so that `12` or `on` stay texts."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else str(value)


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


class GraphProcesses(ProcessGroup):
    """Starts the processes of a graph and looks after them; use it in `with`.

    A node that ends once the graph is up is started again where its description allows it, and
    brought up by a bring-up of its own. One that cannot be brought up is ended, and so started
    again later.

    Args:
        graph, values: the description and its arguments.
        environment: of every process.
        logs: folder for one log a process; None: they write where this process writes.
        back_off: how long a node stays down.
        say: told in words what happens to the nodes.

    Attributes:
        namespace: of its nodes, such as `/robot1`; empty: the root.
        is_up: whether the bring-up of the whole graph is done.
    """

    def __init__(
        self,
        graph: Graph,
        values: Mapping[str, ArgumentValue],
        environment: Mapping[str, str],
        logs: Path | None = None,
        back_off: BackOff = BackOff(),
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        super().__init__(logs)
        self.values = values
        self.namespace = graph.namespace(values)
        self.is_up = False
        self._environment = environment
        self._back_off = back_off
        self._say = say
        self._described = {process.name: process for process in graph.processes(values)}
        self._bring_ups = {
            graph.bring_up_again(name, values).name: name for name in self._described
        }
        self._bring_up_again = graph.bring_up_again
        self._due_s: dict[str, float] = {}
        self._started_s: dict[str, float] = {}
        self._ends: dict[str, int] = {}

    def start_all(self) -> None:
        """Start every process; the bring-up waits for them."""
        for process in self._described.values():
            self.start_process(process)

    def start_process(self, process: NodeProcess) -> None:
        """Start one process as it is described."""
        self._started_s[process.name] = time.monotonic()
        environment = Graph.environment_of(process, self._environment)
        self.start(process.name, command_line(process, self.namespace), environment)

    @property
    def processes(self) -> Mapping[str, int]:
        """Name -> process id of those that run, without bring-ups."""
        return {n: p.pid for n, p in self._processes.items() if not n.startswith(BRING_UP)}

    def watch(self) -> Ended | None:
        """Look after the processes; call it again and again.

        Returns:
            A process that ended for good: the graph cannot go on. None while all is well.
        """
        now_s = time.monotonic()
        for name in [name for name, due_s in self._due_s.items() if due_s <= now_s]:
            del self._due_s[name]
            self.start_again(name)
        ended = self.ended()
        if ended is None:
            return None
        if ended.name == BRING_UP and ended.returncode == 0:
            self.is_up = True
            return None
        if ended.name in self._bring_ups:
            self._on_bring_up_again(self._bring_ups[ended.name], ended)
            return None
        process = self._described.get(ended.name)
        if not self.is_up or process is None or not process.respawn:
            return ended
        self._wait_to_start_again(ended, now_s)
        return None

    def start_again(self, name: str) -> None:
        """Start a node that has ended, and its bring-up."""
        free_orphans()
        self.start_process(self._described[name])
        self.start_process(self._bring_up_again(name, self.values))

    def _wait_to_start_again(self, ended: Ended, now_s: float) -> None:
        name = ended.name
        ran_s = now_s - self._started_s[name]
        ends = 1 if ran_s > self._back_off.forgiven_after_s else self._ends.get(name, 0) + 1
        self._ends[name] = ends
        delay_s = self._back_off.delay_s(ends)
        self._due_s[name] = now_s + delay_s
        self.signal(self._bring_up_again(name, self.values).name, signal.SIGKILL)
        self._say(f"{ended}: it is started again in {delay_s:g} s")

    def _on_bring_up_again(self, name: str, ended: Ended) -> None:
        if ended.returncode == 0:
            self._say(f"{name} is up again")
        elif name not in self._due_s:  # else it ended itself, and its bring-up with it
            self._say(f"{name} could not be brought up again ({ended}): it is ended")
            self.signal(name, signal.SIGKILL)
