"""Messages that are wrong in every field end no node, and the robot goes on once a person says so.

What each node listens to and offers is asked of the graph, what a message holds of its definition:
whatever is added is covered. `benchmarks/message_fuzz.py` sends 10,000 to each node.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from live import Live
from sensor_msgs.msg import CameraInfo, JointState
from trajectory_msgs.msg import JointTrajectory
from whole_graph import wait_until_up, whole_graph

from vla_core.types import ControlMode
from vla_msgs import msg
from vla_msgs.srv import SetMode
from vla_nodes.programs.console.live_client import ClientSettings, LiveClient
from vla_nodes.programs.faults.hostile_messages import HostileMessages, field_paths
from vla_nodes.programs.faults.hostile_sender import LEFT_OUT, HostileSender
from vla_nodes.wire import qos, topics

NODES = (
    "sim_robot_node", "camera_node", "intent_node", "action_node", "command_node", "teleop_node",
    "ready_node", "recorder_node",
)  # fmt: skip
#: To each node; the emergency stop is pressed by a hostile `true` as by any other.
MESSAGES, PAUSE_S = 150, 0.002
UP_TIMEOUT_S = 120.0
MOST_GROWTH_MB = 80


@pytest.mark.parametrize(
    "kind",
    [msg.Observation, msg.LatentIntent, msg.SafetyStatus, JointTrajectory, JointState, CameraInfo,
     SetMode.Request],
)  # fmt: skip
def test_every_field_of_a_type_goes_wrong(kind):
    """Nested ones too; and the same seed says the same."""
    hostile, again = HostileMessages(kind, 3), HostileMessages(kind, 3)
    for _ in range(2 * len(list(field_paths(kind)))):
        one, other = hostile.next(), again.next()
        assert one.field == other.field
        if one.field != "bytes":  # between two fields of a serialised message lies anything
            assert repr(one)[:2000] == repr(other)[:2000]
    assert min(hostile.changed.values()) > 0
    assert set(hostile.changed) == {".".join(path) for path in field_paths(kind)}


@pytest.fixture(scope="module")
def up(live: Live, policy: Path) -> Iterator[psutil.Process]:
    """The graph with everything that may be in it; nothing that ends is started again."""
    given = ("--policy", str(policy), "--ready", "true", "--teleop", "keyboard", "--record", "true")
    given += ("--record-folder", str(live.logs.parent / "recordings"), "--record-last-s", "2.0")
    given += ("--respawn", "false", "--logs", str(live.logs))
    with whole_graph(live, *given) as process:
        live.listen(msg.ControlMode, topics.MODE, qos.LATCHED)
        wait_until_up(live, timeout_s=UP_TIMEOUT_S)
        yield psutil.Process(process.pid)


def memory_mb(up: psutil.Process, node: str) -> float:
    """Of the process of a node, which must be there."""
    found = [p for p in up.children() if f"vla_nodes.nodes.{node}" in p.cmdline()]
    assert len(found) == 1, f"{node} has ended"
    return found[0].memory_info().rss / 1e6


@pytest.mark.parametrize("node", NODES)
def test_no_message_ends_a_node(live, up, node):
    before_mb = memory_mb(up, node)
    sender = HostileSender(live.node, node, seed=5, left_out=rf"{LEFT_OUT}|.*/estop|.*/trajectory")
    sender.find()
    assert sender.topics or sender.services
    sender.send(MESSAGES, PAUSE_S, lambda: None)
    sender.close()
    del live.reports[f"/{node}"]
    live.wait_until(lambda: f"/{node}" in live.reports, f"{node} reports again")
    assert memory_mb(up, node) - before_mb < MOST_GROWTH_MB
    assert len(live.reports[f"/{node}"].message) < 400


def test_the_robot_goes_on_afterwards(live, up):
    """Once a person has told the instruction, reset what was stopped, asked for HOLD and POLICY."""
    live.instruct("wave the elbow")
    end_s = time.monotonic() + 30.0
    live.reset_estop("alice")  # where an emergency stop was asked for; else it is refused
    for mode in (ControlMode.HOLD, ControlMode.POLICY):
        while not live.ask_mode(mode).accepted:
            assert time.monotonic() < end_s, live.states()
        live.wait_for_mode(mode)
    live.listen(msg.SafetyStatus, topics.SAFETY_STATUS)
    live.wait_until(
        lambda: topics.SAFETY_STATUS in live.newest
        and live.newest[topics.SAFETY_STATUS].chunk_sequence > 0
        and live.newest[topics.SAFETY_STATUS].mode == ControlMode.POLICY,
        "a chunk is followed",
    )


def test_no_message_ends_the_console(live, up):
    with LiveClient(ClientSettings("alice", domain_id=live.domain)) as client:
        live.wait_until(lambda: client.snapshot().command is not None, "the console hears")
        sender = HostileSender(live.node, "console", seed=6)
        sender.find()
        assert len(sender.topics) >= 6
        sender.send(MESSAGES, PAUSE_S, lambda: None)
        sender.close()
        taken_s = time.monotonic()
        live.wait_until(lambda: client.snapshot().taken_s > taken_s, "the console goes on")
        assert not any("listens no more" in answer.text for answer in client.snapshot().answers)
        assert all(len(answer.text) < 400 for answer in client.snapshot().answers)


def test_what_is_logged_stays_small(live, up):
    """23 MB came of 17 minutes of such messages."""
    assert sum(path.stat().st_size for path in live.logs.iterdir()) < 4_000_000
