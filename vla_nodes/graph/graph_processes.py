"""The processes of a graph: started together, started again one by one, ended together."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from vla_nodes.graph.description import BRING_UP, PACKAGE, ArgumentValue, Graph, NodeProcess
from vla_nodes.graph.process_group import Ended, ProcessGroup
from vla_nodes.graph.shared_memory import free_orphans
from vla_nodes.graph.supervision import BackOff, Supervision


def command_line(process: NodeProcess, namespace: str) -> list[str]:
    """How a process is started: the module, then `--ros-args`; namespace: as `Graph` gives it."""
    arguments = ["-r", f"__node:={process.name}"]
    if namespace:
        arguments += ["-r", f"__ns:={namespace}"]
    for name, target in process.remappings.items():
        arguments += ["-r", f"{name}:={target}"]
    for name, value in process.parameters.items():
        arguments += ["-p", f"{name}:={_parameter_text(value)}"]
    module = f"{PACKAGE}.nodes.{process.executable}"
    return [sys.executable, "-m", module, "--ros-args", *arguments]


def _parameter_text(value: ArgumentValue) -> str:
    """A value as rcl's YAML reader takes it: texts quoted, so that `12` or `on` stay texts."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else str(value)


class GraphProcesses(ProcessGroup):
    """Starts the processes of a graph and looks after them, as `Supervision` decides; in `with`.

    Args:
        graph, values: the description and its arguments.
        environment: of every process.
        logs: folder for one log a process; None: they write where this process writes.
        back_off: how long a node stays down.
        log: takes lines about what happens to the nodes.

    Attributes:
        namespace: of its nodes, such as `/robot1`; empty: the root.
    """

    def __init__(
        self,
        graph: Graph,
        values: Mapping[str, ArgumentValue],
        environment: Mapping[str, str],
        logs: Path | None = None,
        back_off: BackOff = BackOff(),
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        super().__init__(logs)
        self.namespace = graph.namespace(values)
        self._environment = environment
        self._log = log
        self._supervision = Supervision(graph, values, back_off)
        self._due_s: dict[str, float] = {}

    @property
    def is_up(self) -> bool:
        """Whether the bring-up of the whole graph is done."""
        return self._supervision.is_up

    def start_all(self) -> None:
        """Start every process; the bring-up waits for them."""
        for process in self._supervision.described.values():
            self.start_process(process)

    def start_process(self, process: NodeProcess) -> None:
        """Start one process as it is described."""
        self._supervision.started(process.name, time.monotonic())
        environment = Graph.environment_of(process.profile, self._environment)
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
        decision = self._supervision.ended(ended, now_s)
        if decision.fatal:
            return ended
        if decision.restart:
            self._due_s[decision.restart] = now_s + decision.delay_s
        if decision.kill:
            self.signal(decision.kill, signal.SIGKILL)
        if decision.message:
            self._log(decision.message)
        return None

    def start_again(self, name: str) -> None:
        """Start a node that has ended, and its bring-up."""
        free_orphans()
        for process in self._supervision.again(name):
            self.start_process(process)
