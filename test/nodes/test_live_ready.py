"""`vla/ready` and `vla ready`: the simulated robot is taken back to its ready pose, in HOLD."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from live import Live, run_process
from std_srvs.srv import Trigger
from whole_graph import bring_up

from vla_core.robot.model import RobotModel
from vla_core.types import ActionChunk, ControlMode
from vla_msgs import msg
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import chunk_message

ARRIVED = 0.01
AWAY_S = 1.5
#: A motion that has not begun, or not gone on, for so long was dropped [s].
STANDS_S = 3.0
#: Generous, as a motion may be dropped several times [s].
GO_S = 90.0


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_inspire")


@pytest.fixture(scope="module")
def up(live: Live) -> Iterator[None]:
    """Simulated robot, command node and ready node, active and in HOLD."""
    nodes = ("sim_robot_node", "command_node", "ready_node")
    for name in nodes:
        live.start(name)
    bring_up(live, nodes)
    live.listen(msg.SafetyStatus, topics.SAFETY_STATUS)
    live.listen(msg.ControlMode, topics.MODE, qos.LATCHED)
    live.wait_for_mode(ControlMode.HOLD)
    yield


def away(live: Live, robot: RobotModel) -> float:
    """How far the command is from the ready pose."""
    status = live.newest.get(topics.SAFETY_STATUS)
    if status is None:
        return np.inf
    return float(np.abs(np.array(status.commanded) - robot.ready_pose).max())


def stands(live: Live) -> bool:
    status = live.newest.get(topics.SAFETY_STATUS)
    return status is not None and np.abs(status.velocity).max() < 1e-9


def wait_until_it_stands(live: Live) -> None:
    live.wait_until(lambda: stands(live), "it stands")


def go(live: Live, send: Callable[[], None], there: Callable[[], bool]) -> None:
    """Send a motion until it has arrived: a machine that pauses makes the command node drop it."""

    def is_over() -> bool:
        if not stands(live):
            moved_s[0] = time.monotonic()
        return there() or time.monotonic() - moved_s[0] > STANDS_S

    end_s = time.monotonic() + GO_S
    while not there():
        assert time.monotonic() < end_s, f"not there within {GO_S} s"
        wait_until_it_stands(live)
        send()
        moved_s = [time.monotonic()]
        live.wait_until(is_over, "it has arrived, or stands")
    wait_until_it_stands(live)


def turn_a_wrist(live: Live, robot: RobotModel) -> None:
    """Take the robot elsewhere, by chunks such as the ready node sends."""
    publisher = live.node.create_publisher(msg.ActionChunk, topics.READY_CHUNK, qos.LATEST)
    live.wait_until(publisher.get_subscription_count, "the command node listens")
    go(live, lambda: publisher.publish(turning(live, robot)), lambda: away(live, robot) > 0.29)
    live.node.destroy_publisher(publisher)


def turning(live: Live, robot: RobotModel) -> msg.ActionChunk:
    """The way from where the command stands to a turned wrist."""
    now = np.array(live.newest[topics.SAFETY_STATUS].commanded)
    turned = robot.ready_pose.copy()
    turned[robot.index("left_wrist_roll_joint")] -= 0.3
    share = np.linspace(0, 1, 30)[:, None]
    now_ns = live.node.get_clock().now().nanoseconds
    chunk = ActionChunk(
        sequence=1,
        observation_stamp_ns=now_ns,
        observation_sequence=0,
        intent_sequence=0,
        intent_stamp_ns=now_ns,
        step_s=AWAY_S / len(share),
        joint_names=robot.joint_names,
        targets=now + share**2 * (3 - 2 * share) * (turned - now),
    )
    return chunk_message(chunk, now_ns, "test")


def test_the_service_takes_the_robot_to_its_ready_pose(live: Live, up: None, robot: RobotModel):
    def ask() -> None:
        answer = live.call(Trigger, topics.READY, Trigger.Request())
        assert answer.success, answer.message
        assert "s of motion sent" in answer.message

    turn_a_wrist(live, robot)
    go(live, ask, lambda: away(live, robot) < ARRIVED)
    assert live.newest[topics.MODE].mode == ControlMode.HOLD


def test_the_command_does_the_same_and_waits(live: Live, up: None, robot: RobotModel):
    turn_a_wrist(live, robot)
    ended = run_process(live.domain, "-m", "vla_nodes.programs.ready", "g1_inspire")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1] == "in the ready pose"
    live.wait_until(lambda: away(live, robot) < ARRIVED, "the ready pose")


def test_the_command_plans_anew_when_the_robot_pauses_on_the_way(
    live: Live, up: None, robot: RobotModel
):
    turn_a_wrist(live, robot)
    far = away(live, robot)
    live.start("ready", "g1_inspire", module="programs.ready")
    live.wait_until(lambda: away(live, robot) < far - 0.05, "it is on the way")
    live.group.signal("sim_robot_node", signal.SIGSTOP)
    live.wait_until(lambda: "stopped on the way" in live.log("ready"), "the way is dropped")
    live.group.signal("sim_robot_node", signal.SIGCONT)
    live.wait_until(lambda: "in the ready pose" in live.log("ready"), "vla ready goes on")
    live.wait_until(lambda: away(live, robot) < ARRIVED, "the ready pose")


def test_in_another_mode_than_hold_it_is_refused(live: Live, up: None):
    wait_until_it_stands(live)
    assert live.ask_mode(ControlMode.IDLE).accepted
    live.wait_for_mode(ControlMode.IDLE)
    live.wait_until(
        lambda: live.newest[topics.SAFETY_STATUS].mode == ControlMode.IDLE, "a tick in IDLE"
    )
    answer = live.call(Trigger, topics.READY, Trigger.Request())
    assert not answer.success
    assert "the command node is in IDLE; ask vla/set_mode for HOLD first" in answer.message
