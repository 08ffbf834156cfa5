"""Where graphs are: a replay apart whatever its arguments, and no other graph where replays are."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from vla_core.errors import ConfigError
from vla_nodes.graph.description import Graph
from vla_nodes.graph.graph_processes import command_line
from vla_nodes.wire.replay_space import clock_topic, graph_namespace, is_replay, namespace_arguments


@pytest.mark.parametrize(
    ("source", "namespace", "expected"),
    [
        ("robot", "", ""),
        ("sim", "robot1", "/robot1"),
        ("robot", "/site/robot1/", "/site/robot1"),
        ("robot", "replayed", "/replayed"),
        ("robot", "robot1/replay", "/robot1/replay"),
        ("replay", "", "/replay"),
        ("replay", "robot1", "/replay/robot1"),
        ("replay", "/robot1", "/replay/robot1"),
        ("replay", "replay", "/replay/replay"),
    ],
)
def test_a_graph_is_in_its_namespace_and_a_replay_apart(source, namespace, expected):
    assert graph_namespace(source, namespace) == expected
    assert is_replay(expected) == (source == "replay")


@pytest.mark.parametrize("namespace", ["replay", "/replay", "replay/robot1", "/replay/"])
@pytest.mark.parametrize("source", ["robot", "sim"])
def test_a_robot_is_not_where_nothing_commands(source, namespace):
    with pytest.raises(ConfigError, match="nothing in it commands a robot"):
        Graph.load().values({"source": source, "namespace": namespace})


@pytest.mark.parametrize("namespace", ["a b", "a//b", "1", "a-b", "~", "left/../right"])
def test_what_is_no_namespace_is_refused(namespace):
    for refuse in (
        lambda: Graph.load().values({"namespace": namespace}),
        lambda: namespace_arguments(namespace),
    ):
        with pytest.raises(ConfigError, match="'namespace'.*single slashes"):
            refuse()


def test_a_replay_has_a_clock_of_its_own():
    assert clock_topic("") == clock_topic("/robot1") == "/clock"
    assert clock_topic("/replay") == "/replay/clock"
    assert clock_topic("/replay/robot1") == "/replay/robot1/clock"


@pytest.mark.parametrize(
    ("namespace", "system2", "record"),
    itertools.product(("", "robot1", "/robot1"), ("here", "elsewhere", "only"), ("true", "false")),
)
def test_every_process_of_a_replay_is_started_apart_and_on_its_clock(namespace, system2, record):
    graph = Graph.load()
    given = {"source": "replay", "namespace": namespace, "system2": system2, "record": record}
    values = graph.values({**given, "use_sim_time": "false", "ready": "true", "teleop": "leader"})
    expected = graph_namespace("replay", namespace)
    for process in graph.processes(values):
        line = command_line(process, graph.namespace(values))
        assert f"__ns:={expected}" in line
        if process.lifecycle:
            assert "/clock:=clock" in line and process.parameters["use_sim_time"] is True
    live = graph.values({"source": "sim", "namespace": namespace})
    assert not any("/clock:=clock" in command_line(p, "") for p in graph.processes(live))
