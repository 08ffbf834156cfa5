"""The description of the graph says who runs where, and asks of every node only what it offers."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from vla_core.errors import ConfigError
from vla_core.paths import root
from vla_core.policies.baselines.hold import hold_manifest
from vla_core.robot.model import RobotModel
from vla_nodes.graph.description import Graph
from vla_nodes.graph.graph_processes import command_line

NODES = {
    "recorder_node": "RecorderNode",
    "bag_player_node": "BagPlayerNode",
    "sim_robot_node": "SimRobotNode",
    "camera_node": "CameraNode",
    "intent_node": "IntentNode",
    "action_node": "ActionNode",
    "policy_node": "PolicyNode",
    "command_node": "CommandNode",
    "teleop_node": "TeleopNode",
    "ready_node": "ReadyNode",
    "state_publisher_node": "StatePublisherNode",
    "bringup": "BringUp",
}


@pytest.fixture(scope="module")
def graph() -> Graph:
    return Graph.load()


def names(graph: Graph, **given: str) -> list[str]:
    return [process.name for process in graph.processes(graph.values(given))]


def brought_up(graph: Graph, **given: str) -> str:
    return graph.processes(graph.values(given))[-1].parameters["nodes"]


def test_the_simulated_robot_and_the_bag_player_run_only_where_they_are_the_source(graph):
    optional = (
        "teleop_node", "ready_node", "recorder_node", "bag_player_node", "policy_node",
    )  # fmt: skip
    every = [name for name in NODES if name not in optional]
    assert names(graph, source="sim") == every
    assert names(graph, source="robot") == every[1:]
    assert names(graph, source="replay") == ["bag_player_node", *every[1:]]


def test_a_replay_follows_the_clock_of_the_recording(graph):
    for source, follows in (("replay", True), ("robot", False)):
        processes = graph.processes(graph.values({"source": source}))[:-1]
        assert {process.parameters["use_sim_time"] for process in processes} == {follows}


def test_the_recorder_runs_when_asked_for_and_comes_first(graph):
    assert "recorder_node" not in names(graph)
    for source in ("robot", "sim", "replay"):
        assert names(graph, source=source, record="true")[0] == "recorder_node"
    assert "recorder_node" not in names(graph, record="true", system2="only")
    values = graph.values({"record": "true", "record_last_s": "20", "record_folder": "here"})
    parameters = graph.processes(values)[0].parameters
    assert parameters["folder"] == "here" and parameters["last_s"] == 20.0


def test_the_way_to_the_ready_pose_is_offered_when_asked_for_and_something_can_move(graph):
    assert "ready_node" not in names(graph, source="sim")
    assert "ready_node" in names(graph, source="sim", ready="true")
    assert "ready_node" in brought_up(graph, source="robot", ready="true")
    assert "ready_node" not in names(graph, source="replay", ready="true")


def test_the_operators_side_runs_where_a_teleoperation_is_named_and_something_can_move(graph):
    assert "teleop_node" not in names(graph, source="sim")
    assert "teleop_node" in brought_up(graph, source="robot", teleop="leader")
    assert "teleop_node" not in names(graph, source="replay", teleop="leader")


def test_frames_are_left_to_the_robots_own_publisher_when_asked_for(graph):
    for source in ("robot", "sim", "replay"):
        assert "state_publisher_node" in brought_up(graph, source=source)
        assert "state_publisher_node" not in names(graph, source=source, robot_state="theirs")


def test_system_2_may_run_on_another_host_and_is_brought_up_from_the_robot(graph):
    assert names(graph, system2="only") == ["intent_node"]
    assert "intent_node" not in names(graph, system2="elsewhere")
    expected = "camera_node,intent_node,action_node,command_node,state_publisher_node"
    assert brought_up(graph) == brought_up(graph, system2="elsewhere") == expected


@pytest.mark.parametrize("source", ["sim", "robot", "replay"])
def test_every_node_declares_every_parameter_that_it_is_given(graph, source):
    for process in graph.processes(graph.values({"source": source, "ready": "true", "record": "true"})):
        node = getattr(import_module(f"vla_nodes.nodes.{process.name}"), NODES[process.name])
        declared = {parameter.name: parameter for parameter in node.PARAMETERS}
        for name, value in process.parameters.items():
            if name == "use_sim_time":  # declared by rclpy
                continue
            assert type(value) is type(declared[name].default), f"{process.name} {name}"
            if declared[name].choices:
                assert value in declared[name].choices


def test_arguments_reach_the_nodes(graph):
    values = graph.values({"system2_rate_hz": "2.5", "policy": "dial_g1", "source": "sim"})
    parameters = {p.name: p.parameters for p in graph.processes(values)}
    assert parameters["intent_node"]["rate_hz"] == 2.5
    assert {parameters[n]["policy"] for n in ("camera_node", "intent_node", "action_node")} == {
        "dial_g1"
    }
    assert parameters["camera_node"]["simulated"] is True


def test_texts_stay_texts_on_the_command_line(graph):
    process = graph.processes(graph.values({"robot": "12", "use_sim_time": "true"}))[0]
    line = command_line(process, "/left/robot")
    assert "robot:='12'" in line and "use_sim_time:=true" in line
    assert "__ns:=/left/robot" in line


def test_a_policy_of_one_process_has_one_node_and_nobody_has_to_say_so(graph, tmp_path):
    hold_manifest(RobotModel.load("g1_inspire")).save(tmp_path)
    joint = {"source": "sim", "policy": str(tmp_path)}
    apart = names(graph, source="sim")
    assert names(graph, **joint) == [
        {"intent_node": "policy_node"}.get(name, name) for name in apart if name != "action_node"
    ]
    for system2 in ("elsewhere", "only"):
        with pytest.raises(ConfigError, match="'hold' runs both systems in one process"):
            names(graph, system2=system2, **joint)


def test_an_unknown_policy_is_refused_before_anything_starts(graph):
    with pytest.raises(ConfigError, match="no 'mine'; there are .*dial_g1, .*hold_aloha"):
        names(graph, policy="mine")


def test_every_node_but_the_one_in_command_is_started_again(graph):
    again = {p.name: p.respawn for p in graph.processes(graph.values({"source": "sim"}))}
    assert [name for name, respawn in again.items() if not respawn] == ["command_node", "bringup"]
    replay = {p.name: p.respawn for p in graph.processes(graph.values({"source": "replay"}))}
    assert not replay["bag_player_node"]  # the clock would begin anew
    never = graph.processes(graph.values({"source": "sim", "respawn": "false"}))
    assert not any(process.respawn for process in never)


def test_a_topic_may_be_moved_for_one_node(graph):
    nodes = {"camera_node": {**graph.nodes["camera_node"], "remap": {"/in": "/elsewhere"}}}
    process = replace(graph, nodes=nodes).processes(graph.values({}))[0]
    assert "/in:=/elsewhere" in command_line(process, "")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"polcy": "x"}, "'polcy' is unknown|polcy.*is unknown; there are robot, policy"),
        ({"source": "cloud"}, "got 'cloud', expected one of robot, sim, replay"),
        ({"system1_rate_hz": "fast"}, "got 'fast', expected float"),
        ({"use_sim_time": "maybe"}, "got 'maybe', expected true or false"),
        ({"system1_rate_hz": "5000"}, "system1_rate_hz.*got 5000, expected 0.5 to 200"),
        ({"observation_rate_hz": "nan"}, "observation_rate_hz.*got nan, expected 1 to 200"),
        ({"timeout_s": "inf"}, "timeout_s.*got inf, expected 1 to 3600"),
        ({"seed": "-1"}, "seed.*got -1, expected 0 to"),
    ],
)
def test_wrong_arguments_are_refused_with_what_would_be_right(graph, given, words):
    with pytest.raises(ConfigError, match=words):
        graph.values(given)


def nodes_parameters(graph: Graph):
    """Every parameter of a node that an argument becomes: (argument, parameter)."""
    for name, node in graph.nodes.items():
        kind = getattr(import_module(f"vla_nodes.nodes.{name}"), NODES[name])
        parameters = {parameter.name: parameter for parameter in kind.PARAMETERS}
        for key, given in node["parameters"].items():
            if isinstance(given, str) and given.startswith("$"):
                yield graph.arguments[given[1:]], parameters[key]
    (timeout,) = (p for p in import_module("vla_nodes.nodes.bringup").BringUp.PARAMETERS
                  if p.name == "timeout_s")  # fmt: skip
    yield graph.arguments["timeout_s"], timeout


def test_what_a_node_would_refuse_is_refused_before_anything_starts(graph):
    """Else the process would end as often as it is started again."""
    for argument, parameter in nodes_parameters(graph):
        numbers = parameter.lower is not None
        assert argument.bounds == ((parameter.lower, parameter.upper) if numbers else None), argument
        assert set(argument.choices) <= set(parameter.choices), argument
        assert bool(argument.choices) is bool(parameter.choices), argument


def test_an_unknown_key_of_the_description_is_refused(tmp_path):
    path = tmp_path / "graph.yaml"
    path.write_text("arguments: {}\nnodes: {a: {parameters: {}, wen: {}}}\nenvironment: {}\n")
    with pytest.raises(ConfigError, match=r"nodes\.a.*unknown keys \['wen'\]"):
        Graph.load(path)


def test_the_environment_only_fills_what_is_not_set(graph):
    result = graph.process_environment({"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"})
    assert result["RMW_IMPLEMENTATION"] == "rmw_cyclonedds_cpp"
    assert result["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize("distribution", ["", "jazzy", "kilted"])
@pytest.mark.parametrize("set_before", ["nothing", "the graph's", "a person's"])
def test_the_command_node_has_a_profile_of_its_own_unless_a_person_has_set_one(
    graph, distribution, set_before
):
    name = f"{'FASTRTPS' if distribution == 'jazzy' else 'FASTDDS'}_DEFAULT_PROFILES_FILE"
    config = root() / "config"
    given = {
        "nothing": {},
        "the graph's": {name: str(config / "fastdds.xml")},
        "a person's": {name: "/home/of_a_person.xml"},
    }[set_before]
    environment = {"ROS_DISTRO": distribution, **given}
    found = {
        process.name: graph.environment_of(process.profile, environment).get(name)
        for process in graph.processes(graph.values({"source": "sim"}))
    }
    expected = given[name] if set_before == "a person's" else str(config / "fastdds_command.xml")
    assert found.pop("command_node") == expected
    assert set(found.values()) == {given.get(name)}


def test_too_little_shared_memory_for_the_middleware_s_profile_is_said(graph, monkeypatch):
    variable = "FASTDDS_DEFAULT_PROFILES_FILE"
    for free_mib, said in ((64, 1), (2048, 0)):
        usage = SimpleNamespace(free=free_mib * 2**20)
        monkeypatch.setattr("vla_nodes.graph.description.shutil.disk_usage", lambda _, usage=usage: usage)
        lines: list[str] = []
        assert (variable in graph.process_environment({}, lines.append)) is not bool(said)
        assert len(lines) == said
        assert all("64 MiB of /dev/shm are free, 768 are needed" in line for line in lines)
        assert graph.process_environment({variable: "mine"}, lines.append)[variable] == "mine"
        assert len(lines) == said


def test_what_undoes_the_command_nodes_profile_is_said(graph):
    told = graph.undone_by({"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"})
    assert "gives the command node shared memory" in told
    assert graph.undone_by({"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}) == graph.undone_by({}) == ""
