"""`vla up` with the simulated robot, and bring-ups of nodes that a test has started by itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from live import Live, environment, run_process

UP_TIMEOUT_S = 90.0


@contextmanager
def whole_graph(
    live: Live, *arguments: str, name: str = "up", **variables: str
) -> Iterator[subprocess.Popen]:
    """The process of `vla up`, which has begun to start the others; all are killed at the end.

    Args:
        live: on whose domain.
        arguments: beside the simulated robot.
        name: of its log.
        variables: of its environment.
    """
    command = [sys.executable, "-m", "vla_nodes.programs.up", "--source", "sim", *arguments]
    with (live.logs / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            command, env=environment(live.domain) | variables, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def wait_until_up(live: Live, *names: str, timeout_s: float = UP_TIMEOUT_S) -> None:
    """Until the graphs of these logs say so; without any, `up`'s."""
    names = names or ("up",)
    live.wait_until(
        lambda: all("graph is up" in live.log(name) for name in names), "the graph is up", timeout_s
    )


def bring_up(live: Live, nodes: Sequence[str]) -> None:
    """Configure and activate nodes that run already, as the graph does."""
    given = ("--ros-args", "-p", f"nodes:={','.join(nodes)}")
    done = run_process(
        live.domain, "-m", "vla_nodes.nodes.bringup", *given, timeout_s=UP_TIMEOUT_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
