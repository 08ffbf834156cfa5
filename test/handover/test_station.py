"""Devices of an operator become joint targets: leader arms, tracked hands, joysticks."""

from __future__ import annotations

import numpy as np
import pinocchio as pin
import pytest

from vla_core.errors import JointMismatchError, ObservationError
from vla_core.handover.load_teleop import load_teleop
from vla_core.handover.station import OperatorStation
from vla_core.robot.arm_ik import ArmIk
from vla_core.robot.model import RobotModel
from vla_core.types import TeleopTarget

SECOND = 1_000_000_000
MS = 1_000_000
UPRIGHT = (0.0, 0.0, 0.0, 1.0)


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_inspire")


def station(robot: RobotModel, text_or_name: str, tmp_path=None) -> OperatorStation:
    name = text_or_name
    if tmp_path is not None:
        name = tmp_path / "given.yaml"
        name.write_text(text_or_name)
    return OperatorStation(load_teleop(name, robot.description), robot)


def hand(robot: RobotModel, command: np.ndarray, side: str) -> pin.SE3:
    return ArmIk(robot, side, 0.1).pose(command)


def with_targets(robot: RobotModel, target: TeleopTarget) -> np.ndarray:
    """`(dof,)` ready pose with a target's joints in it."""
    command = robot.ready_pose.copy()
    command[[robot.index(name) for name in target.joint_names]] = target.position
    return command


LEADER = """
deadman: {topic: pedal}
leader:
  topic: leader
  joints:
    right_elbow_joint: {joint: b, scale: -1.0, offset: 0.5}
    left_elbow_joint: {joint: a, scale: 2.0}
  grippers:
    right: {joint: grip, open: 1.0, closed: 0.0}
"""


def test_leader_joints_are_scaled_turned_and_put_in_order(robot, tmp_path):
    operator = station(robot, LEADER, tmp_path)
    operator.leader.on_joint_state(
        ["grip", "a", "other", "b"], np.array([0.25, 0.1, 9.0, 0.2]), SECOND
    )
    operator.on_deadman(True, SECOND + MS)
    target = operator.target(None, SECOND + 2 * MS)
    assert target.joint_names[:2] == ("right_elbow_joint", "left_elbow_joint")
    assert target.position[:2] == pytest.approx([0.3, 0.2])
    effector = robot.end_effectors["right"]
    closed = effector.hand_open + 0.75 * (effector.hand_closed - effector.hand_open)
    assert target.position[2:] == pytest.approx(closed)
    assert (target.devices_stamp_ns, target.deadman_stamp_ns) == (SECOND, SECOND + MS)
    assert target.deadman_held and target.source == "given"


def test_a_leader_that_lacks_a_joint_or_gives_no_number_is_refused(robot, tmp_path):
    operator = station(robot, LEADER, tmp_path)
    with pytest.raises(JointMismatchError, match="leader: missing joints b"):
        operator.leader.on_joint_state(["grip", "a"], np.zeros(2), SECOND)
    with pytest.raises(ObservationError, match="joint a is not finite"):
        operator.leader.on_joint_state(["grip", "a", "b"], np.array([0.0, np.nan, 0.0]), SECOND)
    assert operator.leader.stamp_ns is None


def test_nothing_is_sent_before_device_and_deadman_were_heard(robot, tmp_path):
    operator = station(robot, LEADER, tmp_path)
    assert operator.target(None, SECOND) is None
    assert operator.waiting_for() == "the deadman on pedal"
    operator.on_deadman(False, SECOND)
    assert operator.target(None, SECOND) is None and "LeaderArms" in operator.waiting_for()


def test_the_deadman_is_a_button_of_the_joystick(robot):
    operator = station(robot, "leader")
    operator.leader.on_joint_state(
        [f"{side}_{k}" for side in ("left", "right") for k in (*range(1, 8), "gripper")],
        np.zeros(16), SECOND,
    )  # fmt: skip
    operator.on_joy("teleop/joy", [], [1], SECOND)
    assert operator.target(None, SECOND).deadman_held
    operator.on_joy("teleop/joy", [], [0], SECOND)
    assert not operator.target(None, SECOND).deadman_held
    with pytest.raises(ObservationError, match="got 0 buttons, expected button 0, the deadman"):
        operator.on_joy("teleop/joy", [], [], SECOND)


def test_a_tracked_hand_moves_the_robots_as_far_and_in_the_frame_that_the_yaml_says(
    robot, tmp_path
):
    given = (
        "deadman: {topic: pedal}\nhands:\n  left:\n"
        "    pose: {topic: tracker, scale: 2.0, rpy: [0.0, 0.0, 1.5707963267948966]}\n"
    )
    operator = station(robot, given, tmp_path)
    command, now_ns = robot.ready_pose.copy(), SECOND
    operator.hands["left"].on_pose((5.0, 5.0, 5.0), UPRIGHT, now_ns)
    operator.on_deadman(True, now_ns)
    before = hand(robot, command, "left")
    target = operator.target(command, now_ns)
    assert target.position == pytest.approx(command[robot.group_indices("left_arm")], abs=1e-3)
    for _ in range(60):
        now_ns += 16 * MS
        operator.hands["left"].on_pose((5.02, 5.0, 5.01), UPRIGHT, now_ns)
        target = operator.target(command, now_ns)
    moved = hand(robot, with_targets(robot, target), "left").translation - before.translation
    assert moved == pytest.approx([0.0, 0.04, 0.02], abs=0.004)
    operator.on_deadman(False, now_ns)
    released = operator.target(command, now_ns).position
    assert released == pytest.approx(command[robot.group_indices("left_arm")])


def test_an_absolute_pose_is_where_the_hand_goes(robot, tmp_path):
    operator = station(
        robot,
        "deadman: {topic: pedal}\n"
        "hands: {right: {pose: {topic: tracker, meaning: absolute}}}\n",
        tmp_path,
    )
    start = hand(robot, robot.ready_pose, "right")
    goal, now_ns = start.translation + [0.03, 0.0, 0.03], SECOND
    xyzw = pin.Quaternion(start.rotation).coeffs()
    operator.on_deadman(True, now_ns)
    for _ in range(60):
        now_ns += 16 * MS
        operator.hands["right"].on_pose(goal, xyzw, now_ns)
        target = operator.target(robot.ready_pose, now_ns)
    there = hand(robot, with_targets(robot, target), "right")
    assert there.translation == pytest.approx(goal, abs=0.004)


def test_a_pose_that_is_none_is_refused(robot, tmp_path):
    given = "deadman: {topic: pedal}\nhands: {left: {pose: {topic: tracker}}}\n"
    source = station(robot, given, tmp_path).hands["left"]
    for position, xyzw in (((np.nan, 0.0, 0.0), UPRIGHT), ((0.0, 0.0, 0.0), (0.0,) * 4)):
        with pytest.raises(ObservationError, match="tracker: got position"):
            source.on_pose(position, xyzw, SECOND)


def test_a_joystick_moves_the_hand_at_its_speed_and_not_far_ahead_of_the_robot(robot):
    operator = station(robot, "gamepad")
    command, now_ns = robot.ready_pose.copy(), SECOND
    before = hand(robot, command, "right").translation
    for _ in range(25):
        now_ns += 20 * MS
        operator.on_joy("/joy", [0.0, 1.0, 0.0, 0.0, 0.0, 1.0], [0] * 5 + [1], now_ns)
        target = operator.target(command, now_ns)
    moved = hand(robot, with_targets(robot, target), "right").translation - before
    assert moved == pytest.approx([0.1, 0.0, 0.0], abs=0.01)  # 0.125 m asked for, leash 0.1 m
    with pytest.raises(ObservationError, match="got 2 axes, expected a finite value on axis 4"):
        operator.on_joy("/joy", [0.0, 1.0], [0] * 5 + [1], now_ns)


def test_hands_wait_for_the_command_that_they_begin_at(robot):
    operator = station(robot, "gamepad")
    operator.on_joy("/joy", [0.0] * 6, [0] * 6, SECOND)
    assert operator.target(None, SECOND) is None
    assert operator.target(robot.ready_pose, SECOND) is not None


def test_a_hand_keeps_what_it_holds_until_its_gripper_is_moved(robot):
    operator = station(robot, "gamepad")
    effector = robot.end_effectors["right"]
    command, fingers = robot.ready_pose.copy(), robot.group_indices("right_hand")
    command[fingers] = effector.hand_closed

    def say(trigger: float, deadman: int, at_ns: int) -> np.ndarray:
        operator.on_joy("/joy", [0.0] * 5 + [trigger], [0] * 5 + [deadman], at_ns)
        target = operator.target(command, at_ns)
        return with_targets(robot, target)[fingers]

    opened = 1.0  # where the trigger rests
    assert say(opened, 0, SECOND) == pytest.approx(effector.hand_closed)
    assert say(opened, 1, SECOND + 20 * MS) == pytest.approx(effector.hand_closed)
    half = (effector.hand_open + effector.hand_closed) / 2
    assert say(0.0, 1, SECOND + 40 * MS) == pytest.approx(half)
    assert say(opened, 1, SECOND + 60 * MS) == pytest.approx(effector.hand_open)
