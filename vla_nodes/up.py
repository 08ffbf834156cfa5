"""`python -m vla_nodes.up`: the graph as plain processes, where there is no ROS 2 launch.

Starts what `config/graph.yaml` says, prints `graph is up` once the bring-up is done, and runs until
Ctrl-C. A process that ends ends them all: nothing is restarted silently.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from vla_core.errors import VlaError
from vla_nodes.graph import BRING_UP, PACKAGE, ArgumentValue, Graph, NodeProcess
from vla_nodes.process_group import ProcessGroup

UP = "graph is up"
_POLL_S = 0.1


def command_line(process: NodeProcess, namespace: str) -> list[str]:
    """How a process is started: the module, then `--ros-args`."""
    arguments = ["-r", f"__node:={process.name}"]
    if namespace:
        arguments += ["-r", f"__ns:=/{namespace.strip('/')}"]
    for name, value in process.parameters.items():
        arguments += ["-p", f"{name}:={_parameter_text(value)}"]
    module = f"{PACKAGE}.{process.name}"
    return [sys.executable, "-m", module, "--ros-args", *arguments]


def _parameter_text(value: ArgumentValue) -> str:
    """A value as rcl's YAML reader takes it: texts quoted, so that `12` or `on` stay texts."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else str(value)


def run_graph(graph: Graph, given: dict[str, str], logs: Path | None) -> int:
    """Start the graph and stay until it ends; the exit code: 0 after Ctrl-C, 1 after a failure."""
    values = graph.values(given)
    environment = graph.process_environment(os.environ)
    with ProcessGroup(logs) as group:
        for process in graph.processes(values):
            group.start(process.name, command_line(process, str(values["namespace"])), environment)
        while True:
            ended = group.ended()
            if ended is None:
                time.sleep(_POLL_S)
            elif ended.name == BRING_UP and ended.returncode == 0:
                print(UP, flush=True)
            else:
                hint = f"; see {logs / ended.name}.log" if logs else ""
                print(f"{ended}: the graph goes down{hint}", file=sys.stderr, flush=True)
                return 1


def parser(graph: Graph) -> argparse.ArgumentParser:
    """An option for each argument of the graph."""
    result = argparse.ArgumentParser(
        prog="vla up",
        description=__doc__,
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for argument in graph.arguments.values():
        result.add_argument(
            f"--{argument.name.replace('_', '-')}",
            dest=argument.name,
            default=str(argument.default),
            choices=argument.choices or None,
            help=argument.help,
        )
    result.add_argument("--logs", type=Path, help="folder for one log a process")
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    graph = Graph.load()
    given = vars(parser(graph).parse_args(arguments))
    logs = given.pop("logs")
    try:
        return run_graph(graph, given, logs)
    except VlaError as error:
        print(f"vla up: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
