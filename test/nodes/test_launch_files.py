"""The launch files expand to the graph of `config/graph.yaml`, with the real launch_ros."""

from __future__ import annotations

from pathlib import Path

import pytest

REASON = "launch_ros is not importable here (it comes with apt ROS): launch files not expanded"
launch = pytest.importorskip("launch", reason=REASON)
pytest.importorskip("launch_ros.actions", reason=REASON)
if not hasattr(launch, "LaunchContext"):  # the repository's own folder launch/, as a namespace
    pytest.skip(REASON, allow_module_level=True)

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription
from vla_nodes.graph import Graph

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
