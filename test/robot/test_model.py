"""Joint vectors are in one order whatever order they came in; wrists are where they should be."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.errors import JointMismatchError
from vla_core.robot.model import RobotModel


@pytest.fixture
def tiny(tiny_robot) -> RobotModel:
    return RobotModel.load(tiny_robot())


def test_values_in_another_order_are_reordered(tiny):
    assert tiny.to_canonical(["grip", "shoulder"], [0.7, 0.1]).tolist() == [0.1, 0.7]


def test_a_whole_chunk_is_reordered(tiny):
    chunk = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert tiny.to_canonical(("grip", "shoulder"), chunk).tolist() == [[2.0, 1.0], [4.0, 3.0]]


def test_a_wrong_joint_name_is_refused_by_name(tiny):
    with pytest.raises(JointMismatchError) as error:
        tiny.to_canonical(["shoulder", "claw"], [0.0, 0.0], where="/joint_states")
    assert str(error.value) == (
        "/joint_states: missing joints grip; unknown joints claw. "
        "Name every joint as the robot's YAML does."
    )


def test_a_missing_joint_is_refused_by_name(tiny):
    with pytest.raises(JointMismatchError, match="missing joints grip") as error:
        tiny.to_canonical(["shoulder"], [0.0])
    assert (error.value.missing, error.value.unknown) == (("grip",), ())


def test_a_joint_named_twice_is_refused(tiny):
    with pytest.raises(JointMismatchError, match=r"named twice.*grip"):
        tiny.to_canonical(["shoulder", "grip", "grip"], [0.0, 0.0, 0.0])


def test_normalised_joints_are_mapped_to_the_urdf_and_back(tiny):
    assert tiny.to_urdf(np.array([0.5, 1.0])).tolist() == [0.5, 0.0]
    assert tiny.from_urdf(tiny.to_urdf(np.array([0.5, 0.25]))).tolist() == [0.5, 0.25]


def test_the_wrist_pose_is_position_and_two_columns_of_rotation(tiny):
    quarter = 0.5
    pose = tiny.wrist_poses(np.array([quarter, 1.0]))
    c, s = np.cos(quarter), np.sin(quarter)
    np.testing.assert_allclose(pose, [0, 0, 0, c, s, 0, -s, c, 0], atol=1e-12)


@pytest.mark.parametrize(("name", "dof", "state"), [("g1_inspire", 29, 47), ("g1_bottle", 26, 44)])
def test_the_shipped_robots_have_the_sizes_that_policies_expect(name, dof, state):
    robot = RobotModel.load(name)
    assert (robot.dof, robot.state_size) == (dof, state)
    assert robot.state_vector(robot.ready_pose).shape == (state,)


def test_both_shipped_robots_put_their_wrists_at_the_same_place():
    humanoid, recorded = RobotModel.load("g1_inspire"), RobotModel.load("g1_bottle")
    position = humanoid.ready_pose.copy()
    moved = [humanoid.index(joint.urdf_joint) for joint in recorded.description.joints]
    position[moved] = recorded.to_urdf(recorded.ready_pose)
    np.testing.assert_allclose(
        humanoid.wrist_poses(position), recorded.wrist_poses(recorded.ready_pose), atol=1e-12
    )
