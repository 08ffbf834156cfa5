"""A joint policy of another package in the live graph: one node, the same topics, and its memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from diagnostic_msgs.msg import DiagnosticStatus
from installed_plugins import path_with
from live import Live
from sensor_msgs.msg import JointState
from whole_graph import wait_until_up, whole_graph

from vla_core.observation.history import NEAR_S
from vla_core.robot.load import load_robot
from vla_core.types import ControlMode
from vla_msgs import msg
from vla_nodes.wire import qos, topics
from vla_nodes.wire.tensors import read_tensor

NODE = "policy_node"


@pytest.fixture(scope="module")
def up(live: Live, plugins: Path, tmp_path_factory) -> Iterator[subprocess.Popen]:
    """`vla up` with the simulated robot; nothing but the policy's folder is named."""
    sys.path.insert(0, str(plugins))
    import remembering_policy

    robot = load_robot("g1_inspire")
    folder = remembering_policy.save(
        tmp_path_factory.mktemp("policy") / "swaying", robot.name, robot.joint_names, {"head": 64},
        depth=True,
    )  # fmt: skip
    try:
        with whole_graph(live, "--policy", str(folder), PYTHONPATH=path_with(plugins)) as process:
            live.listen(msg.ControlMode, topics.MODE, qos.LATCHED)
            live.listen(msg.SafetyStatus, topics.SAFETY_STATUS)
            live.listen(msg.ActionChunk, topics.ACTION_CHUNK, qos.LATEST)
            live.listen(msg.LatentIntent, topics.INTENT, qos.LATEST)
            live.listen(JointState, "/joint_states", qos.SENSOR)
            wait_until_up(live)
            yield process
    finally:
        sys.path.remove(str(plugins))


@pytest.fixture
def in_policy(live: Live, up: subprocess.Popen) -> int:
    """The robot follows the policy; the number of the instruction."""
    number = live.instruct("sway").id
    if live.newest[topics.MODE].mode != ControlMode.POLICY:
        live.enter(ControlMode.POLICY)
    return number


def tensors(live: Live) -> dict:
    return {t.name: read_tensor(t) for t in live.newest[topics.INTENT].tensors}


def steps(live: Live) -> int:
    """How often the policy was asked since it was reset, by its newest intent; 0: none came."""
    return int(tensors(live)["steps"][0]) if topics.INTENT in live.newest else 0


def test_intents_and_chunks_come_from_one_node_and_the_robot_follows(live, in_policy):
    live.wait_until(lambda: live.newest[topics.SAFETY_STATUS].chunk_sequence, "a chunk's command")
    live.wait_until(lambda: topics.ACTION_CHUNK in live.newest, "the chunk itself")
    state = live.newest["/joint_states"]
    joint = state.name.index(live.newest[topics.ACTION_CHUNK].joint_names[0])
    begin = state.position[joint]
    live.wait_until(
        lambda: abs(live.newest["/joint_states"].position[joint] - begin) > 0.1, "it sways"
    )
    intents, chunks = live.newest[topics.INTENT], live.newest[topics.ACTION_CHUNK]
    assert intents.instruction == "sway" and intents.fingerprint == ""
    assert abs(chunks.intent_sequence - intents.sequence) <= 1
    live.wait_for_report(NODE, DiagnosticStatus.OK, "running")
    assert {"/intent_node", "/action_node"}.isdisjoint(live.reports)


def test_it_is_shown_the_past_that_it_asks_for(live, in_policy):
    seen = live.wait_until(
        lambda: (t := tensors(live))["known"].all() and t["executed"].all() and t, "a whole past"
    )
    assert abs(seen["ages_s"] - (0.4, 0.2)).max() <= NEAR_S + 1e-6


def test_it_is_shown_depth_and_where_the_camera_is(live, in_policy):
    seen = live.wait_until(lambda: tensors(live), "an intent")
    assert 0.3 < seen["head_depth"][0] < 2.0  # the table in front of the robot
    assert seen["head_intrinsics"][:2, 2].tolist() == [31.5, 31.5]
    forward, height_m = seen["head_pose"][:3, 2], seen["head_pose"][2, 3]
    assert height_m > 0.3 and forward[0] > 0.1 and forward[2] < 0.0  # it looks ahead and down


def test_another_instruction_resets_it(live, in_policy):
    live.wait_until(lambda: steps(live) > 5, "five steps")
    number = live.instruct("sway again").id
    live.wait_until(lambda: live.newest[topics.INTENT].instruction_id == number, "its intent")
    assert steps(live) < 5


def test_a_return_to_the_policy_resets_it(live, in_policy):
    live.wait_until(lambda: steps(live) > 5, "five steps")
    live.enter(ControlMode.HOLD)
    before = steps(live)
    live.wait_until(lambda: steps(live) > before, "it goes on to look")
    live.enter(ControlMode.POLICY)
    live.wait_until(lambda: steps(live) < before, "it begins anew")


def test_what_it_cannot_do_is_refused_by_name(live, in_policy):
    live.instruct("stand on your head")
    live.wait_for_report(NODE, DiagnosticStatus.ERROR, "cannot", "stand on your head")
