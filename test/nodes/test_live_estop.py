"""On the live graph nothing that asks by itself leaves the emergency stop; a person's reset does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from diagnostic_msgs.msg import DiagnosticStatus
from live import Live
from rclpy.action import ActionClient
from std_msgs.msg import Bool
from whole_graph import wait_until_up, whole_graph

from vla_core.types import ControlMode
from vla_msgs import msg
from vla_msgs.action import ExecuteInstruction
from vla_nodes.wire import qos, topics

WAVE = "wave the elbow"
STALE = "old, limit 1.5 s: stop"


@pytest.fixture(scope="module")
def up(live: Live, policy: Path) -> Iterator[Live]:
    """`vla up` with the simulated robot, where a stale intent asks for a stop."""
    with whole_graph(live, "--policy", str(policy), "--stale-intent", "stop"):
        live.listen(msg.ControlMode, topics.MODE, qos.LATCHED)
        live.listen(msg.ActionChunk, topics.ACTION_CHUNK, qos.LATEST)
        wait_until_up(live)
        yield live


@pytest.fixture
def modes(up: Live) -> list[ControlMode]:
    """Every mode that is entered from now on, the one in force first."""
    entered: list[ControlMode] = []

    def keep(message: msg.ControlMode) -> None:
        if not entered or entered[-1] != message.mode:
            entered.append(ControlMode(message.mode))

    up.node.create_subscription(msg.ControlMode, topics.MODE, keep, qos.LATCHED)
    up.wait_until(lambda: entered, "a mode")
    if entered[-1] is ControlMode.ESTOP:  # a test before has failed
        reset(up)
    return entered


@pytest.fixture
def actions(up: Live) -> Iterator[ActionClient]:
    client = ActionClient(up.node, ExecuteInstruction, topics.EXECUTE_INSTRUCTION)
    up.wait_until(client.server_is_ready, "the action server")
    yield client
    client.destroy()


def send(up: Live, actions: ActionClient):
    """A goal that is sent; its result to come."""
    sent = actions.send_goal_async(ExecuteInstruction.Goal(text=WAVE))
    up.wait_until(sent.done, "the goal is taken")
    return sent.result().get_result_async()


def press(up: Live) -> None:
    publisher = up.node.create_publisher(Bool, topics.ESTOP, qos.ESTOP)
    up.wait_until(publisher.get_subscription_count, "the command node listens")
    publisher.publish(Bool(data=True))
    up.wait_for_mode(ControlMode.ESTOP)
    up.node.destroy_publisher(publisher)


def reset(up: Live) -> None:
    up.wait_until(lambda: up.reset_estop("alice").accepted, "the reset")
    up.wait_for_mode(ControlMode.HOLD)
    assert up.newest[topics.MODE].reason == "reset by alice"


def process_of(up: Live, node: str) -> int:
    """Number of a node's process."""
    marks = (f"ROS_DOMAIN_ID={up.domain}\0".encode(), f"vla_nodes.nodes.{node}\0".encode())
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "environ").read_bytes() + b"\0", (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if all(mark in text for mark, text in zip(marks, told, strict=True)):
            return int(folder.name)
    raise AssertionError(f"no process of {node}")


def test_a_goal_after_an_emergency_stop_is_aborted_until_a_person_resets_it(up, modes, actions):
    up.wait_for_mode(ControlMode.HOLD)
    first = send(up, actions)
    up.wait_for_mode(ControlMode.POLICY)
    press(up)
    up.wait_until(first.done, "the goal's end")
    assert first.result().result.reason == "the command node went to ESTOP"
    del modes[:]
    second = send(up, actions)
    up.wait_until(second.done, "the second goal's end")
    assert "ESTOP; a person resets it first" in second.result().result.reason
    assert set(modes) <= {ControlMode.ESTOP} and not up.ask_mode(ControlMode.HOLD).accepted
    reset(up)
    third = send(up, actions)
    up.wait_for_mode(ControlMode.POLICY)
    up.instruct("")
    up.wait_until(third.done, "the third goal's end")
    up.wait_for_mode(ControlMode.HOLD)


@pytest.mark.parametrize("stopped", [True, False], ids=["in ESTOP", "in POLICY"])
def test_a_frozen_system_2_stops_the_policy_and_leaves_an_emergency_stop(up, modes, stopped):
    up.wait_for_mode(ControlMode.HOLD)
    before = up.counts[topics.ACTION_CHUNK]
    up.instruct(WAVE)
    up.wait_until(lambda: up.counts[topics.ACTION_CHUNK] > before + 2, "chunks of it")
    up.enter(ControlMode.POLICY)
    if stopped:
        press(up)
    del modes[:]
    system2 = process_of(up, "intent_node")
    os.kill(system2, signal.SIGSTOP)
    try:
        up.wait_for_report("action_node", DiagnosticStatus.ERROR, STALE)
        if stopped:
            told = up.counts[topics.MODE]
            up.wait_until(lambda: up.counts[topics.MODE] > told + 1, "the mode is said again")
        else:
            up.wait_for_mode(ControlMode.HOLD)
    finally:
        os.kill(system2, signal.SIGCONT)
    if stopped:
        assert set(modes) <= {ControlMode.ESTOP}
        reset(up)
    up.instruct("")
