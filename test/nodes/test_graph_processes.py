"""A node that ends is started again and brought up, later each time; the command node is not."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from vla_nodes.graph import graph_processes
from vla_nodes.graph.description import Graph, NodeProcess
from vla_nodes.graph.graph_processes import GraphProcesses
from vla_nodes.graph.process_group import Ended
from vla_nodes.graph.supervision import BackOff

#: Stands for every node and bring-up: says who it is, and ends as its file says.
PROGRAM = """
import pathlib, sys, time
file = pathlib.Path(sys.argv[1])
print("started", flush=True)
while not file.exists():
    time.sleep(0.01)
sys.exit(int(file.read_text()))
"""
TIMEOUT_S = 20.0


class Bench:
    """Real processes under the names of a graph; a file decides how each ends."""

    def __init__(self, folder: Path, back_off: BackOff, **given: str) -> None:
        graph = Graph.load()
        self.folder = folder
        self.said: list[str] = []
        self.processes = GraphProcesses(
            graph, graph.values(given), os.environ, folder / "logs", back_off, self.said.append
        )

    def let_end(self, name: str, code: int = 0) -> None:
        (self.folder / name).write_text(str(code))

    def starts(self, name: str) -> int:
        log = self.folder / "logs" / f"{name}.log"
        return log.read_text().count("started") if log.exists() else 0

    def until(self, done: Callable[[], bool]) -> Ended | None:
        """Look after the processes until something holds, or one ends for good."""
        end_s = time.monotonic() + TIMEOUT_S
        while not done():
            assert time.monotonic() < end_s, self.said
            if (ended := self.processes.watch()) is not None:
                return ended
            time.sleep(0.005)
        return None

    def bring_up(self) -> None:
        self.processes.start_all()
        self.let_end("bringup")
        assert self.until(lambda: self.processes.is_up) is None


@pytest.fixture
def bench(tmp_path, monkeypatch):
    def command(process: NodeProcess, namespace: str) -> list[str]:
        return [graph_processes.sys.executable, "-c", PROGRAM, str(tmp_path / process.name)]

    monkeypatch.setattr(graph_processes, "command_line", command)
    bench = Bench(tmp_path, BackOff(first_s=0.05, longest_s=0.2))
    with bench.processes:
        yield bench


def test_the_wait_doubles_up_to_the_longest():
    assert [BackOff(1.0, 10.0).delay_s(n) for n in (1, 2, 3, 4, 5, 50)] == [1, 2, 4, 8, 10, 10]


def test_a_killed_node_is_started_again_and_brought_up(bench):
    bench.bring_up()
    os.kill(bench.processes.processes["action_node"], signal.SIGKILL)
    wanted = {"action_node": 2, "bringup_action_node": 1}
    assert bench.until(lambda: {name: bench.starts(name) for name in wanted} == wanted) is None
    bench.let_end("bringup_action_node")
    assert bench.until(lambda: len(bench.said) == 2) is None
    assert bench.said == [
        "action_node was ended by SIGKILL: it is started again in 0.05 s",
        "action_node is up again",
    ]
    assert bench.starts("camera_node") == 1


def test_a_node_that_ends_again_and_again_waits_longer_each_time(bench):
    bench.bring_up()
    bench.let_end("camera_node", 3)
    assert bench.until(lambda: len(bench.said) == 4) is None
    assert [line.rpartition(" in ")[2] for line in bench.said] == [
        "0.05 s", "0.1 s", "0.2 s", "0.2 s",
    ]  # fmt: skip


def test_a_node_that_cannot_be_brought_up_is_ended_and_tried_again(bench):
    bench.bring_up()
    bench.let_end("bringup_intent_node", 1)
    os.kill(bench.processes.processes["intent_node"], signal.SIGKILL)
    assert bench.until(lambda: bench.starts("intent_node") >= 3) is None
    assert any("could not be brought up again" in line for line in bench.said)
    bench.let_end("bringup_intent_node", 0)
    assert bench.until(lambda: "intent_node is up again" in bench.said) is None


def test_without_the_command_node_the_graph_cannot_go_on(bench):
    bench.bring_up()
    bench.let_end("command_node", 1)
    assert bench.until(lambda: False) == Ended("command_node", 1)


def test_what_ends_before_the_graph_is_up_is_not_started_again(bench):
    bench.processes.start_all()
    bench.let_end("camera_node", 1)
    assert bench.until(lambda: False) == Ended("camera_node", 1)


def test_nothing_is_started_again_when_asked_so(bench, tmp_path):
    other = Bench(tmp_path / "other", BackOff(), respawn="false")
    other.folder = tmp_path
    with other.processes:
        other.bring_up()
        other.let_end("action_node", 1)
        assert other.until(lambda: False) == Ended("action_node", 1)
