"""What the injector does to each message, and how its graph is wired."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image, JointState

from vla_core.contract.manifest import PolicyManifest
from vla_core.faults.catalogue import FAULTS, Kind
from vla_core.paths import policy_folder
from vla_core.recordings.bags.bag import Bag
from vla_core.replay.playback import open_playback
from vla_core.robot.load import load_robot
from vla_core.robot.model import RobotModel
from vla_msgs import msg
from vla_nodes.graph.description import Graph
from vla_nodes.graph.graph_processes import command_line
from vla_nodes.nodes.fault_injection.fault_graph import INJECTOR, routes, with_injector
from vla_nodes.nodes.fault_injection.transforms import AHEAD_S, ALTERATIONS
from vla_nodes.nodes.fault_injector_node import KNOWN
from vla_nodes.programs.faults.flood import BIG, HOSTILE, MANY
from vla_nodes.programs.faults.instruction_goal import GOAL
from vla_nodes.programs.faults.replay_beside import PLAYED, write_recording
from vla_nodes.programs.faults.robot_under_faults import HEARTBEAT_S, make_robot_under_faults
from vla_nodes.programs.faults.second_commander import FIRST, LAST
from vla_nodes.wire.byte_buffer import ByteBuffer, floats_field
from vla_nodes.wire.conversions import to_nanoseconds, to_time
from vla_nodes.wire.images import decode_image, fill_image

RNG = np.random.default_rng(0)
NAMES = ["a", "b", "c"]


def altered(name: str, *messages):
    """What comes out for these messages, over the wire both times."""
    transform = ALTERATIONS[name].make()
    results = [transform(on_the_wire(message)) for message in messages]
    return [None if message is None else on_the_wire(message) for message in results]


def on_the_wire(message):
    return deserialize_message(serialize_message(message), type(message))


def picture() -> Image:
    message = Image()
    fill_image(message, RNG.integers(0, 256, (6, 8, 3), np.uint8), ByteBuffer())
    message.header.stamp = to_time(int(RNG.integers(10**9)))
    return message


def state() -> JointState:
    values = [floats_field(np.array([1.0, 2.0, 3.0]) * k) for k in (0.1, 0.2, 0.0)]
    return JointState(name=NAMES, position=values[0], velocity=values[1], effort=values[2])


def chunk() -> msg.ActionChunk:
    targets = np.arange(12.0).reshape(4, 3) / 10
    return msg.ActionChunk(
        observation_stamp=to_time(10**9),
        joint_names=NAMES,
        horizon=4,
        targets=floats_field(targets),
    )


@pytest.mark.parametrize("name", [name for name in ALTERATIONS if name.endswith("_stopped")])
def test_a_stopped_stream_lets_nothing_through(name):
    assert altered(name, picture()) == [None]


def test_a_black_picture_keeps_its_stamp_and_size():
    sent = picture()
    (got,) = altered("camera_black", sent)
    assert not decode_image(got).any() and decode_image(got).shape == (6, 8, 3)
    assert got.header == sent.header


def test_a_frozen_camera_repeats_the_first_picture_under_new_stamps():
    sent = [picture() for _ in range(3)]
    got = altered("camera_frozen", *sent)
    for before, after in zip(sent, got, strict=True):
        assert np.array_equal(decode_image(after), decode_image(sent[0]))
        assert after.header == before.header


def test_stuck_joints_say_minus_one_and_stand_still():
    (got,) = altered("joints_stuck", state())
    assert list(got.position) == [-1.0] * 3 and not any(got.velocity)


def test_permuted_joints_mean_the_same_and_mislabelled_ones_do_not():
    def meaning(message: JointState) -> dict:
        return dict(zip(message.name, zip(message.position, message.velocity, strict=True)))

    (permuted,) = altered("joints_permuted", state())
    assert list(permuted.name) != NAMES and meaning(permuted) == meaning(state())
    (mislabelled,) = altered("joints_mislabelled", state())
    assert sorted(mislabelled.name) == NAMES and meaning(mislabelled) != meaning(state())


def test_a_bad_chunk_is_bad_in_one_way_only():
    (nan,) = altered("chunk_nan", chunk())
    assert sum(math.isnan(target) for target in nan.targets) == 1
    (joints,) = altered("chunk_wrong_joints", chunk())
    assert joints.joint_names == ["tail_joint", "b", "c"] and joints.targets == chunk().targets
    (future,) = altered("chunk_from_the_future", chunk())
    ahead_ns = to_nanoseconds(future.observation_stamp) - 10**9
    assert ahead_ns == AHEAD_S * 1e9 and future.targets == chunk().targets
    (off,) = altered("chunk_off_by_1_rad", chunk())
    assert np.allclose(np.subtract(off.targets, chunk().targets), 1.0)


def test_every_fault_of_the_catalogue_is_known_to_whoever_makes_it():
    nodes = Graph.load().nodes
    makers = {Kind.ALTER: KNOWN, Kind.FLOOD: (BIG, MANY, HOSTILE), Kind.REPLAY: (PLAYED,)}
    makers |= {Kind.KILL: nodes, Kind.FREEZE: nodes, Kind.COMMANDER: (FIRST, LAST)}
    makers |= {Kind.GOAL: (GOAL,)}
    assert all(fault.target in makers[fault.kind] for fault in FAULTS)


def test_what_is_played_beside_the_robot_can_be_played_and_shows_it_elsewhere(tmp_path):
    robot = RobotModel.load("g1_inspire")
    policy = PolicyManifest.load(policy_folder("dial_tabletop"))
    bag = write_recording(tmp_path / "bag", robot, policy)
    playback = open_playback(bag, robot.description, policy)
    assert set(playback.topics) == {
        "/joint_states", "/head_camera/image_raw", "/front_camera/image_raw",
    }  # fmt: skip
    for _, _, state in Bag(bag).decoded(["/joint_states"]):
        away = np.abs(robot.to_canonical(state.name, state.position) - robot.ready_pose)
        assert away.max() > 0.3


@pytest.mark.parametrize("simulated_time", [False, True])
def test_streams_lead_through_the_injector_and_the_nodes_are_the_same(simulated_time):
    plain = Graph.load()
    streams = routes(load_robot("g1_inspire"), ["head", "front"])
    graph = with_injector(plain, streams, simulated_time)
    values = graph.values({"source": "sim", "use_sim_time": str(simulated_time).lower()})
    lines = {p.name: command_line(p, "") for p in graph.processes(values)}
    moved = {name: [a for a in line if "before_faults" in a] for name, line in lines.items()}
    assert moved.pop("sim_robot_node") == [
        "head_camera/image_raw:=before_faults/head_camera/image_raw",
        "front_camera/image_raw:=before_faults/front_camera/image_raw",
        "joint_states:=before_faults/joint_states",
    ]
    assert moved.pop("intent_node") == ["vla/intent:=before_faults/vla/intent"]
    assert moved.pop("action_node") == ["vla/action_chunk:=before_faults/vla/action_chunk"]
    assert not any(moved.values())
    before, order = (
        g.processes(values)[-1].parameters["nodes"].split(",") for g in (plain, graph)
    )
    place = 0 if simulated_time else 1
    assert order.index(INJECTOR) == place and len(order) == len(before) + 1
    assert f"clock:={str(simulated_time).lower()}" in lines[INJECTOR]


def test_the_robot_of_the_faults_differs_by_the_heartbeat_and_the_controller_of_the_hands(tmp_path):
    robot = load_robot("g1_inspire")
    from vla_core.paths import robot_file
    from vla_core.safety.load_description import load_safety

    path = make_robot_under_faults("g1_inspire", robot_file("g1_inspire"), tmp_path)
    other = load_robot(path)
    assert (other.joint_names, other.urdf.path) == (robot.joint_names, robot.urdf.path)
    (whole,) = robot.command.controllers
    body, hands = other.command.controllers
    assert body.topic == whole.topic != hands.topic
    assert {c.interface for c in (body, hands)} == {whole.interface}
    of_hands = {hand.hand_group for hand in robot.end_effectors.values()}
    assert set(hands.joint_names) == {j.name for j in robot.joints if j.group in of_hands}
    before, after = load_safety(robot), load_safety(other)
    assert after.estop_heartbeat_s == HEARTBEAT_S
    assert (after.allowed, after.margins, after.srdf) == (
        before.allowed, before.margins, before.srdf,
    )  # fmt: skip
