"""Bring up the graph of `config/graph.yaml` and keep it up until Ctrl-C.

Starts plain processes, where there is no ROS 2 launch, and prints `graph is up` once the bring-up
is done. A node that ends then is started again, with a word, but for the command node: without it
the graph goes down.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from vla_core.errors import ConfigError, VlaError
from vla_core.signals import catch_signals
from vla_nodes.graph.description import Graph, log_to_stderr
from vla_nodes.graph.graph_processes import GraphProcesses

UP = "graph is up"
_POLL_S = 0.1


def run_graph(graph: Graph, given: dict[str, str], logs: Path | None) -> int:
    """Start the graph and stay until it ends; the exit code: 0 after Ctrl-C, 1 after a failure."""
    values = graph.values(given)
    environment = graph.process_environment(os.environ, log_to_stderr)
    if undone := graph.undone_by(environment):
        log_to_stderr(undone)
    with GraphProcesses(graph, values, environment, logs, log=log_to_stderr) as processes:
        processes.start_all()
        was_up = False
        while True:
            ended = processes.watch()
            if ended is not None:
                hint = f"; see {logs / ended.name}.log" if logs else ""
                print(f"{ended}: the graph goes down{hint}", file=sys.stderr, flush=True)
                return 1
            if processes.is_up and not was_up:
                was_up = True
                print(UP, flush=True)
            time.sleep(_POLL_S)


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
            help=argument.described(),
        )
    result.add_argument("--logs", type=Path, help="folder for one log a process")
    result.add_argument(
        "as_in_launch", nargs="*", metavar="NAME:=VALUE", help="any of these, as in `ros2 launch`"
    )
    return result


def given(graph: Graph, arguments: Sequence[str] | None) -> tuple[dict[str, str], Path | None]:
    """Values of the graph's arguments, and the folder for logs.

    Raises:
        ConfigError: a word that is no `NAME:=VALUE`.
    """
    values = vars(parser(graph).parse_args(arguments))
    logs = values.pop("logs")
    for word in values.pop("as_in_launch"):
        name, separator, value = word.partition(":=")
        if not separator:
            raise ConfigError(f"argument {word!r}", "expected NAME:=VALUE, e.g. source:=sim")
        values[name] = value
    return values, logs


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM."""
    catch_signals()
    try:
        graph = Graph.load()
        return run_graph(graph, *given(graph, arguments))
    except VlaError as error:
        print(f"vla up: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
