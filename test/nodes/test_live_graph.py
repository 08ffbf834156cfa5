"""The whole graph as processes: simulated robot, cameras, both systems, command, and back."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from diagnostic_msgs.msg import DiagnosticStatus
from live import Live, environment, processes_of
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.action import ActionClient
from readable_policy import MIDDLE, MOVED, READY
from sensor_msgs.msg import CameraInfo, JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from whole_graph import wait_until_up, whole_graph

from vla_core.types import ControlMode, Instruction, LatentIntent
from vla_msgs import msg
from vla_msgs.action import ExecuteInstruction
from vla_nodes.graph.description import COMMAND_PROFILE, Graph
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import intent_message

NODES = ("sim_robot_node", "camera_node", "intent_node", "action_node", "command_node")
OTHERS = ("state_publisher_node", "bringup", "up")
WAVE = "wave the elbow"


@pytest.fixture(scope="module")
def up(live: Live, policy: Path) -> Iterator[subprocess.Popen]:
    """`vla up` with the simulated robot."""
    with whole_graph(live, "--policy", str(policy)) as process:
        live.listen(msg.ControlMode, topics.MODE, qos.LATCHED)
        live.listen(msg.SafetyStatus, topics.SAFETY_STATUS)
        live.listen(msg.ActionChunk, topics.ACTION_CHUNK, qos.LATEST)
        live.listen(msg.LatentIntent, topics.INTENT, qos.LATEST)
        live.listen(DiagnosticStatus, topics.SIM_STATUS, qos.LATCHED)
        live.listen(JointState, "/joint_states", qos.SENSOR)
        live.listen(CameraInfo, "/head_camera/camera_info", qos.SENSOR)
        wait_until_up(live)
        yield process


@pytest.fixture
def in_policy(live: Live, up: subprocess.Popen) -> Instruction:
    """The robot follows the policy for this instruction."""
    instruction = Instruction(live.instruct(WAVE).id, WAVE)
    if live.newest[topics.MODE].mode != ControlMode.POLICY:
        live.enter(ControlMode.HOLD)
        live.enter(ControlMode.POLICY)
    return instruction


def moved(live: Live) -> float:
    state = live.newest["/joint_states"]
    return state.position[list(state.name).index(MOVED)]


def test_without_a_request_the_robot_holds_its_ready_pose(live, up):
    live.wait_for_mode(ControlMode.HOLD)
    live.wait_until(lambda: "/joint_states" in live.newest, "joint states")
    assert abs(moved(live) - READY) < 0.02


def test_the_chain_moves_the_joints_and_every_command_knows_what_it_came_from(live, in_policy):
    live.wait_until(lambda: moved(live) > MIDDLE + 0.15, "the elbow goes up")
    live.wait_until(lambda: moved(live) < MIDDLE - 0.15, "the elbow goes down")
    live.wait_until(lambda: live.newest[topics.SAFETY_STATUS].chunk_sequence, "a chunk's command")
    status = live.newest[topics.SAFETY_STATUS]
    assert status.intent_sequence > 0 and status.observation_sequence > 0
    assert 0 <= status.observation_age_s < 2.0
    assert np.isfinite(status.commanded).all() and len(status.commanded) == 29


def test_every_node_reports_its_rates_ages_and_memory(live, in_policy):
    live.wait_until(lambda: all(f"/{name}" in live.reports for name in NODES), "all reports")
    for name, key in zip(
        NODES,
        (
            "rate_hz/joint states",
            "latency_ms/camera_to_observation/p99",
            "latency_ms/camera_to_intent/p50",
            "latency_ms/camera_to_chunk/p50",
            "command_period_error_us/p99",
        ),
        strict=True,
    ):
        live.wait_until(
            lambda: key in live.values(name),  # noqa: B023
            f"{key} of {name}",
        )
        assert 20 < float(live.values(name)["memory_mb"]) < 1500


def test_all_who_speak_and_listen_on_a_topic_fit_together(live, in_policy):
    log = (live.logs / "up.log").read_text()
    assert "incompatible QoS" not in log, log


MAPS = "import rclpy; rclpy.init(); node = rclpy.create_node('n'); print(open('/proc/self/maps').read())"


@pytest.mark.parametrize(("profile", "shared"), [("", True), (COMMAND_PROFILE, False)])
def test_the_command_nodes_profile_shares_no_locks_with_other_nodes(live, profile, shared):
    """But where discovery is kept to one host: there the middleware adds shared memory itself."""
    here = environment(live.domain) | {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}
    done = subprocess.run(
        [sys.executable, "-c", MAPS],
        env=Graph.environment_of(profile, here),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ("/dev/shm/fastdds" in done.stdout) is shared


def test_the_simulated_cameras_are_calibrated(live, up):
    info = live.wait_until(lambda: live.newest.get("/head_camera/camera_info"), "camera info")
    assert (info.width, info.height) == (192, 192) and info.k[0] > 50


def test_tf_knows_the_frame_of_every_picture_and_the_simulated_robot_is_where_it_says(live, up):
    live.listen(TFMessage, "/tf_static", qos.LATCHED)
    live.listen(TFMessage, "/tf", qos.TRANSFORMS)
    live.listen(msg.Observation, topics.OBSERVATION, qos.LATEST)
    live.wait_until(
        lambda: all(live.newest.get(t) for t in ("/tf", "/tf_static", topics.OBSERVATION)),
        "frames and pictures",
    )
    told = [*live.newest["/tf"].transforms, *live.newest["/tf_static"].transforms]
    known = {transform.child_frame_id for transform in told} | {"base_link"}
    observation = live.newest[topics.OBSERVATION]
    frames = [image.header.frame_id for image in observation.images]
    assert len(frames) == 2 and {*frames, observation.header.frame_id} <= known
    assert len(live.newest["/tf"].transforms) == 29


def test_an_intent_of_another_feature_space_is_refused_by_name(live, in_policy):
    assert live.change("intent_node", "deactivate")
    publisher = live.node.create_publisher(msg.LatentIntent, topics.INTENT, qos.LATEST)

    def send() -> None:
        now_ns = live.node.get_clock().now().nanoseconds
        intent = LatentIntent(1, now_ns, 1, in_policy, 2.0, "theirs", {"height": np.ones(1)})
        publisher.publish(intent_message(intent, now_ns))

    live.wait_for_report("action_node", DiagnosticStatus.ERROR, "'theirs'", "'ours'", each=send)
    before = live.counts[topics.ACTION_CHUNK]
    refused = drops(live, "action_node", "intent/refused")
    live.wait_until(
        lambda: drops(live, "action_node", "intent/refused") > refused + 10, "refusals", each=send
    )
    assert live.counts[topics.ACTION_CHUNK] == before
    live.node.destroy_publisher(publisher)
    assert live.change("intent_node", "activate")
    live.wait_until(lambda: live.counts[topics.ACTION_CHUNK] > before, "chunks again")


def drops(live: Live, node: str, reason: str) -> int:
    return int(live.values(node).get(f"drops/{reason}", 0))


def test_an_instruction_that_the_policy_cannot_follow_is_refused_and_nothing_moves(live, in_policy):
    live.instruct("make coffee")
    live.wait_for_report("intent_node", DiagnosticStatus.ERROR, "make coffee", "elbow")
    before = live.counts[topics.ACTION_CHUNK]
    live.wait_until(
        lambda: "chunk_stale" in live.newest[topics.SAFETY_STATUS].constraints, "holding"
    )
    assert live.counts[topics.ACTION_CHUNK] - before <= 1
    live.instruct(WAVE)
    live.wait_until(lambda: live.counts[topics.ACTION_CHUNK] > before + 2, "chunks again")


def test_the_emergency_stop_is_latched_until_a_person_resets_it(live, in_policy):
    publisher = live.node.create_publisher(Bool, topics.ESTOP, qos.ESTOP)
    live.wait_until(publisher.get_subscription_count, "the command node listens")
    publisher.publish(Bool(data=True))
    live.wait_for_mode(ControlMode.ESTOP)
    answer = live.ask_mode(ControlMode.POLICY)
    assert not answer.accepted and "ESTOP" in answer.reason
    answer = live.ask_mode(ControlMode.HOLD)
    assert not answer.accepted and "vla/reset_estop" in answer.reason
    assert live.change("command_node", "deactivate") and live.change("command_node", "activate")
    live.wait_for_mode(ControlMode.ESTOP)
    live.wait_until(lambda: live.reset_estop("alice").accepted, "the reset")
    live.wait_for_mode(ControlMode.HOLD)
    assert live.newest[topics.MODE].reason == "reset by alice"
    live.node.destroy_publisher(publisher)


def test_an_instruction_runs_as_an_action_until_it_is_cancelled(live, up):
    client = ActionClient(live.node, ExecuteInstruction, topics.EXECUTE_INSTRUCTION)
    live.wait_until(client.server_is_ready, "the action server")
    feedback = []
    goal = ExecuteInstruction.Goal(text=WAVE, time_limit_s=20.0)
    sent = client.send_goal_async(goal, feedback_callback=feedback.append)
    live.wait_until(sent.done, "the goal's answer")
    assert sent.result().accepted
    live.wait_until(
        lambda: feedback and feedback[-1].feedback.chunk_age_s >= 0, "feedback in POLICY"
    )
    assert feedback[-1].feedback.mode == ControlMode.POLICY
    cancelled = sent.result().cancel_goal_async()
    live.wait_until(cancelled.done, "the cancellation")
    result = sent.result().get_result_async()
    live.wait_until(result.done, "the result")
    assert result.result().result.reason == "cancelled"
    live.wait_for_mode(ControlMode.HOLD)
    client.destroy()


def test_a_reset_lays_the_table_of_its_seed(live, up):
    live.enter(ControlMode.HOLD)
    assert live.ask_mode(ControlMode.IDLE).accepted
    for seed in (5, 6):
        value = ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=seed)
        request = SetParameters.Request(parameters=[Parameter(name="seed", value=value)])
        assert (
            live.call(SetParameters, "sim_robot_node/set_parameters", request).results[0].successful
        )
        answer = live.call(Trigger, topics.SIM_RESET, Trigger.Request())
        assert answer.success and answer.message.startswith("put the ")

        def laid(seed=seed, text=answer.message) -> bool:
            values = {p.key: p.value for p in live.newest[topics.SIM_STATUS].values}
            return values["seed"] == str(seed) and values["instruction"] == text

        live.wait_until(laid, "the new table")
    assert abs(moved(live) - READY) < 0.02


def test_success_is_that_of_the_instruction_in_force(live, up):
    live.listen(Bool, topics.TASK_SUCCESS)
    for text in (WAVE, "put the red block on the yellow pad"):
        live.instruct(text)
        before = live.counts[topics.TASK_SUCCESS]
        live.wait_until(lambda: live.counts[topics.TASK_SUCCESS] > before + 2, "its success")  # noqa: B023
        assert live.newest[topics.TASK_SUCCESS].data is False


def test_ctrl_c_ends_every_process(live, up):
    assert len(processes_of(live.domain)) >= len(NODES) + 1
    up.send_signal(signal.SIGINT)
    assert up.wait(30) == 0
    live.group.stop()
    assert not processes_of(live.domain)


def test_no_process_outlives_a_killed_parent(live, policy):
    with whole_graph(live, "--policy", str(policy)):
        live.wait_until(
            lambda: len(processes_of(live.domain)) == len(NODES + OTHERS), "all processes"
        )
    live.wait_until(lambda: not processes_of(live.domain), "their end", 10.0)
