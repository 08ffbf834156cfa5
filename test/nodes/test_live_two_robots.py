"""Two robots with a whole graph each on one host and one domain: neither hears the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from live import Live, run_process
from readable_policy import MIDDLE, MOVED, READY
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory
from whole_graph import wait_until_up, whole_graph

from vla_core.types import ControlMode
from vla_msgs import msg
from vla_msgs.srv import SetInstruction, SetMode
from vla_nodes.wire import qos, topics

ROBOTS = ("robot1", "robot2")
WAVE = "wave the elbow"
#: Two graphs at their own rates take all of two cores, and then inputs are late and robots slow.
RATES = ("--command-rate-hz", "50", "--observation-rate-hz", "10")
#: For where something else runs beside them.
MOVES_TIMEOUT_S = 150.0
COMMAND, STATES = "joint_trajectory_controller/joint_trajectory", "joint_states"
#: Topics of both robots by convention of ROS: each message says whose it is.
SHARED = {"/diagnostics", "/rosout", "/parameter_events"}


@pytest.fixture(scope="module")
def robots(live: Live, policy: Path) -> Iterator[None]:
    """`vla up` with the simulated robot, twice."""
    with ExitStack() as graphs:
        for number, name in enumerate(ROBOTS):
            given = ("--policy", str(policy), "--namespace", name, "--seed", str(number), *RATES)
            graphs.enter_context(whole_graph(live, *given, name=name))
            live.listen(msg.ControlMode, f"/{name}/{topics.MODE}", qos.LATCHED)
            live.listen(JointState, f"/{name}/{STATES}", qos.SENSOR)
            live.listen(JointTrajectory, f"/{name}/{COMMAND}", qos.SENSOR)
        live.listen(JointState, f"/{STATES}", qos.SENSOR)
        live.listen(JointTrajectory, f"/{COMMAND}", qos.SENSOR)
        wait_until_up(live, *ROBOTS, timeout_s=150.0)
        yield


def elbow(live: Live, robot: str) -> float:
    state = live.newest[f"/{robot}/{STATES}"]
    return state.position[list(state.name).index(MOVED)]


def mode(live: Live, robot: str) -> int:
    return live.newest[f"/{robot}/{topics.MODE}"].mode


def follow_the_policy(live: Live, robot: str) -> None:
    request = SetInstruction.Request(text=WAVE)
    assert live.call(SetInstruction, f"/{robot}/{topics.SET_INSTRUCTION}", request).accepted
    ask = SetMode.Request(mode=int(ControlMode.POLICY))
    live.wait_until(
        lambda: live.call(SetMode, f"/{robot}/{topics.SET_MODE}", ask).accepted, "POLICY"
    )
    live.wait_until(lambda: mode(live, robot) == ControlMode.POLICY, f"{robot} in POLICY")


def test_one_moves_and_the_other_stands_and_then_both_move(live, robots):
    for moving, standing in (ROBOTS, ROBOTS[::-1]):
        others = mode(live, standing)
        furthest = [0.0]

        def watch(standing: str = standing, furthest: list = furthest) -> None:
            furthest[0] = max(furthest[0], abs(elbow(live, standing) - READY))

        follow_the_policy(live, moving)
        each = watch if others == ControlMode.HOLD else None
        for sign, words in ((1, "it goes up"), (-1, "it goes down")):

            def is_there(moving: str = moving, sign: int = sign) -> bool:
                return sign * (elbow(live, moving) - MIDDLE) > 0.15

            live.wait_until(is_there, words, MOVES_TIMEOUT_S, each=each)
        assert mode(live, standing) == others and furthest[0] < 0.02
    first = ROBOTS[0]
    live.wait_until(lambda: elbow(live, first) > MIDDLE + 0.15, "it moves on", MOVES_TIMEOUT_S)


def test_no_topic_of_a_robot_has_a_speaker_or_a_listener_of_another(live, robots):
    """Every topic and every end of it that there is on the domain."""
    seen = set()
    for name, _ in live.node.get_topic_names_and_types():
        ends = live.node.get_publishers_info_by_topic(name)
        ends += live.node.get_subscriptions_info_by_topic(name)
        whose = {e.node_namespace.strip("/") for e in ends if e.node_name != live.node.get_name()}
        if name in SHARED or not whose:
            continue
        assert whose == {name.split("/")[1]}, f"{name}: {whose}"
        seen |= whose
    assert seen == set(ROBOTS)
    heard = {name: live.counts[f"/{name}/{COMMAND}"] for name in ROBOTS}
    assert all(heard.values()) and live.counts[f"/{COMMAND}"] == live.counts[f"/{STATES}"] == 0


def test_a_second_command_node_of_one_robot_gives_way_to_that_robots(live, robots):
    done = run_process(
        live.domain, "-c",
        "import rclpy\n"
        "from vla_nodes.nodes.command_node import CommandNode\n"
        "rclpy.init(args=['--ros-args', '-r', '__ns:=/robot1', '-r', '__node:=second'])\n"
        "node = CommandNode()\n"
        "node.trigger_configure()\n"
        "node.trigger_activate()\n"
        "print(node.state_label, node.health().message)\n",
    )  # fmt: skip
    assert "inactive /robot1/command_node commands this robot already" in done.stdout, done.stderr
    assert f"/robot1/{COMMAND}" in done.stdout
