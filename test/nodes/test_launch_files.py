"""The launch files expand to the graph of `config/graph.yaml`, with the real launch_ros."""

from __future__ import annotations

from pathlib import Path

import pytest

REASON = "launch_ros is not importable here (it comes with apt ROS): launch files not expanded"
launch = pytest.importorskip("launch", reason=REASON)
pytest.importorskip("launch_ros.actions", reason=REASON)
if not hasattr(launch, "LaunchContext"):  # the repository's own folder launch/, as a namespace
    pytest.skip(REASON, allow_module_level=True)

from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, TimerAction
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription
from vla_nodes.graph.description import Graph
from vla_nodes.graph.launch_graph import GraphEndedError, _LaunchedGraph

FOLDER = Path(__file__).resolve().parents[2] / "launch"
ROBOT_NODES = ["camera_node", "intent_node", "action_node", "command_node", "state_publisher_node"]
ROBOT_NODES += ["bringup"]


def load(name: str) -> LaunchDescription:
    source = PythonLaunchDescriptionSource(str(FOLDER / name))
    return source.get_launch_description(LaunchContext())


def expand(name: str, **given: str) -> list:
    """Actions of a launch file once its arguments are known."""
    context = LaunchContext()
    context.launch_configurations.update(given)
    actions = []
    for entity in load(name).entities:
        if isinstance(entity, DeclareLaunchArgument):
            entity.visit(context)
        elif isinstance(entity, OpaqueFunction):
            actions += entity.execute(context)
        else:
            actions.append(entity)
    return actions


def nodes(actions: list) -> list[str]:
    return [action.node_executable for action in actions if isinstance(action, Node)]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("bringup.launch.py", {}, ROBOT_NODES),
        ("sim.launch.py", {}, ["sim_robot_node", *ROBOT_NODES]),
        ("replay.launch.py", {"bag": "some_bag"}, ["bag_player_node", *ROBOT_NODES]),
        ("sim.launch.py", {"record": "true"}, ["recorder_node", "sim_robot_node", *ROBOT_NODES]),
        ("bringup.launch.py", {"system2": "only"}, ["intent_node"]),
        ("bringup.launch.py", {"system2": "elsewhere"}, [n for n in ROBOT_NODES if n[0] != "i"]),
    ],
)
def test_a_launch_file_starts_the_nodes_of_the_description(name, given, expected):
    assert nodes(expand(name, **given)) == expected


@pytest.mark.parametrize("name", ["bringup.launch.py", "sim.launch.py", "replay.launch.py"])
def test_a_launch_file_offers_the_arguments_of_the_description(name):
    offered = {a.name for a in load(name).entities if isinstance(a, DeclareLaunchArgument)}
    described = set(Graph.load().arguments)
    assert described - offered <= {"source", "use_sim_time"}
    assert offered <= described


def test_arguments_become_parameters():
    actions = expand("sim.launch.py", policy="mine", system1_rate_hz="7.5", namespace="left")
    graph = Graph.load()
    given = {"policy": "mine", "system1_rate_hz": "7.5", "namespace": "left", "source": "sim"}
    described = graph.processes(graph.values(given))
    for node, process in zip([a for a in actions if isinstance(a, Node)], described, strict=True):
        ((parameters),) = node._Node__parameters
        plain = {"".join(s.text for s in key): value for key, value in parameters.items()}
        assert set(plain) == set(process.parameters)
        assert node._Node__node_namespace == "/left"


class Launched:
    """The graph as launch runs it; ends of its processes are told to it by hand."""

    def __init__(self, **given: str) -> None:
        graph = Graph.load()
        self.graph = _LaunchedGraph(graph, graph.values({"source": "sim", **given}), {})
        self.nodes: dict[str, Node] = {}
        self.context = LaunchContext()
        self.keep(self.graph.start_all())

    def keep(self, actions: list) -> list:
        """The actions; of those that start a node, launch's own objects are kept by name."""
        for action in actions:
            if isinstance(action, Node):
                self.nodes[action._Node__node_name] = action
        return actions

    def end(self, name: str, code: int) -> list:
        event = ProcessExited(
            action=self.nodes[name], name=name, cmd=[], cwd=None, env=None, pid=1, returncode=code
        )
        return self.graph._on_exit(name, event, self.context)


def restarts(actions: list) -> list[float]:
    """After how long something is started again [s]."""
    return [action.period for action in actions if isinstance(action, TimerAction)]


def test_a_node_is_started_again_later_each_time_with_one_bring_up():
    launched = Launched()
    assert "graph is up" in launched.end("bringup", 0)[0].msg[0].text
    for delay_s in (1.0, 2.0, 4.0):
        actions = launched.end("camera_node", -9)
        assert restarts(actions) == [delay_s]
        running = any(isinstance(action, EmitEvent) for action in actions)
        assert running is (delay_s > 1.0)  # the bring-up of the start before is ended
        again = launched.keep(launched.graph._start_again("camera_node", launched.context))
        assert nodes(again) == ["camera_node", "bringup"]


@pytest.mark.parametrize(
    ("name", "code", "up"),
    [("command_node", -9, True), ("camera_node", 1, False), ("bringup", 1, False)],
)
def test_a_graph_that_cannot_go_on_ends_launch_with_an_error(name, code, up):
    launched = Launched()
    if up:
        launched.end("bringup", 0)
    with pytest.raises(GraphEndedError, match=f"{name} .*: the graph goes down"):
        launched.end(name, code)


def test_what_ends_with_launch_is_not_started_again_and_the_last_one_frees_its_memory(monkeypatch):
    launched, freed = Launched(), []
    monkeypatch.setattr("vla_nodes.graph.launch_graph.free_orphans", lambda: freed.append(True))
    launched.context._set_is_shutdown(True)
    for left, name in zip(range(len(launched.nodes) - 1, -1, -1), dict(launched.nodes), strict=True):
        assert launched.end(name, 0) == [] and bool(freed) is (left == 0)
