"""A leader takes the simulated robot over on a live graph, and gives it back, recorded by event."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from diagnostic_msgs.msg import DiagnosticStatus
from live import Live
from sensor_msgs.msg import JointState, Joy
from whole_graph import bring_up

from vla_core.handover.load_teleop import load_teleop
from vla_core.robot.model import RobotModel
from vla_core.types import ControlMode
from vla_msgs import msg
from vla_nodes.wire import qos, topics

NODES = ("sim_robot_node", "command_node", "teleop_node")


class Leader:
    """The leader arms of `config/teleop/leader.yaml`, whose joints are the robot's."""

    def __init__(self, live: Live, robot: RobotModel) -> None:
        described = load_teleop("leader", robot.description)
        self._names = [joint.leader for joint in described.leader.joints]
        self._names += [gripper.leader for gripper in described.leader.grippers]
        joints = [joint.joint for joint in described.leader.joints]
        self.position = [*robot.ready_pose[[robot.index(name) for name in joints]], 0.0, 0.0]
        self.elbow = joints.index("left_elbow_joint")
        self.held = False
        self._node = live.node
        self._states = live.node.create_publisher(
            JointState, described.leader.topic, qos.SENSOR_SOURCE
        )
        self._joys = live.node.create_publisher(Joy, described.deadman.topic, qos.SENSOR_SOURCE)

    def __call__(self) -> None:
        """One beat."""
        self._states.publish(JointState(name=self._names, position=self.position))
        self._joys.publish(Joy(buttons=[int(self.held)]))


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_inspire")


@pytest.fixture(scope="module")
def leader(live: Live, robot: RobotModel) -> Iterator[Leader]:
    """The graph came up without its operator, who is heard now and does not hold the deadman."""
    for name in NODES:
        given = () if name == "sim_robot_node" else ("--ros-args", "-p", "teleop:=leader")
        if name == "teleop_node":
            given += ("-p", "operator:=alice")
        live.start(name, *given)
    operator = Leader(live, robot)
    live.listen(msg.SafetyStatus, topics.SAFETY_STATUS)
    live.listen(msg.ControlMode, topics.MODE, qos.LATCHED)
    live.listen(DiagnosticStatus, topics.INTERVENTION, qos.EVENTS)
    bring_up(live, NODES)
    live.wait_for_mode(ControlMode.HOLD)
    live.wait_until(  # not only by this process: else the press may be the first that it hears
        lambda: "total/teleop" in live.values("command_node"),
        "the operator is heard by the command node",
        each=operator,
    )
    yield operator


def until_mode(live: Live, mode: ControlMode, each) -> None:
    live.wait_until(lambda: live.newest[topics.MODE].mode == mode, f"mode {mode.name}", each=each)


def news(live: Live) -> dict[str, str]:
    message = live.newest.get(topics.INTERVENTION, DiagnosticStatus())
    return {pair.key: pair.value for pair in message.values}


def test_a_leader_takes_over_moves_the_robot_and_gives_it_back(live, leader, robot):
    elbow = robot.index("left_elbow_joint")
    begin = live.newest[topics.SAFETY_STATUS].commanded[elbow]
    leader.held = True
    until_mode(live, ControlMode.TELEOP, leader)
    begun = live.wait_until(lambda: news(live), "the news of it", each=leader)
    assert begun["cause"] == "alice with leader takes over" and not begun["end_ns"]
    leader.position[leader.elbow] -= 0.15
    live.wait_until(
        lambda: live.newest[topics.SAFETY_STATUS].commanded[elbow] < begin - 0.13,
        "the elbow follows", each=leader,
    )  # fmt: skip
    leader.held = False
    until_mode(live, ControlMode.HOLD, leader)
    ended = live.wait_until(lambda: news(live)["end_ns"] and news(live), "the end", each=leader)
    assert (ended["operator"], ended["source"]) == ("alice", "leader")
    assert ended["end_cause"] == "alice with leader let go"
    assert int(ended["end_ns"]) > int(ended["begin_ns"])


def test_what_brings_a_press_runs_before_the_policy_and_the_loop_before_all(live, leader):
    if any("no SCHED_FIFO" in live.log(name) for name in ("teleop_node", "command_node")):
        pytest.skip("SCHED_FIFO is not permitted")
    loop, *middleware = threads(live, "command_node")
    operator = threads(live, "teleop_node")
    assert all(os.sched_getscheduler(thread) == os.SCHED_FIFO for thread in (loop, *operator))
    priorities = [os.sched_getparam(thread).sched_priority for thread in (loop, *operator)]
    assert max(priorities[1:]) < priorities[0]
    for thread in middleware:
        assert os.sched_getscheduler(thread) == os.SCHED_OTHER
        assert os.getpriority(os.PRIO_PROCESS, thread) < 0


def threads(live: Live, name: str) -> list[int]:
    """Of a process, its first one first."""
    found = Path(f"/proc/{live.group._processes[name].pid}/task").iterdir()
    return sorted(int(thread.name) for thread in found)


def test_a_teleop_node_that_dies_leaves_a_robot_at_rest_in_hold(live, leader):
    leader.held = True
    until_mode(live, ControlMode.TELEOP, leader)
    live.group.signal("teleop_node", signal.SIGKILL)
    until_mode(live, ControlMode.HOLD, leader)
    assert "the deadman of alice with leader was last heard" in live.newest[topics.MODE].reason
    live.wait_until(
        lambda: not np.any(live.newest[topics.SAFETY_STATUS].velocity), "it stands", each=leader
    )


def test_teleop_is_refused_with_its_reason_where_nobody_holds_the_deadman(live, leader):
    answer = live.ask_mode(ControlMode.TELEOP)
    assert not answer.accepted and "TELEOP refused: the deadman is not held" in answer.reason
