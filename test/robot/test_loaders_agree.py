"""MuJoCo and Pinocchio see the same robot in the same file."""

from __future__ import annotations

import mujoco
import numpy as np
import pinocchio as pin
import pytest

from vla_core.robot.geometry_count import GeometryCount
from vla_core.robot.model import RobotModel
from vla_core.robot.mujoco_model import robot_spec


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_inspire")


def test_no_geometry_and_no_mass_is_lost(robot):
    counts = GeometryCount.of(robot)
    assert counts.problems() == []
    for count in (counts.mujoco, counts.pinocchio):
        assert (count.collision, count.visual) == (counts.urdf.collision, counts.urdf.visual)
        assert count.mass == pytest.approx(counts.urdf.mass, abs=1e-9)
    assert counts.urdf.collision > 50


def test_a_lost_geometry_is_reported(robot):
    counts = GeometryCount.of(robot)
    lost = GeometryCount(counts.urdf, counts.mujoco, counts.mujoco.__class__(0, 55, 1.0))
    assert lost.problems() == [
        "Pinocchio loads 0 collision and 55 visual geometries, the URDF holds 53 and 55",
        "Pinocchio loads 1.000000 kg, the URDF holds 19.012729 kg",
    ]


def test_wrists_and_grasps_are_at_the_same_place(robot):
    model = robot_spec(robot.urdf).compile()
    data = mujoco.MjData(model)
    kinematics = pin.buildModelFromUrdf(str(robot.urdf))
    buffer = kinematics.createData()
    random = np.random.default_rng(0)
    for _ in range(50):
        position = random.uniform(robot.limits.lower, robot.limits.upper)
        for joint, value in zip(robot.joint_names, position, strict=True):
            data.qpos[model.joint(joint).qposadr[0]] = value
        mujoco.mj_kinematics(model, data)
        pin.framesForwardKinematics(kinematics, buffer, robot.pinocchio_position(position))
        poses = robot.wrist_poses(position).reshape(2, 3, 3)
        for effector, pose in zip(robot.end_effectors.values(), poses, strict=True):
            wrist = data.body(effector.wrist_frame)
            np.testing.assert_allclose(pose[0], wrist.xpos, atol=1e-9)
            np.testing.assert_allclose(pose[1:], wrist.xmat.reshape(3, 3)[:, :2].T, atol=1e-9)
            grasp = buffer.oMf[kinematics.getFrameId(effector.grasp_frame)]
            np.testing.assert_allclose(
                grasp.translation, data.body(effector.grasp_frame).xpos, atol=1e-9
            )


def test_visuals_touch_nothing_and_collisions_are_hidden(robot):
    model = robot_spec(robot.urdf).compile()
    touching = (model.geom_contype != 0) | (model.geom_conaffinity != 0)
    assert (model.geom_group[touching] == 3).all()
    assert (model.geom_group[~touching] == 2).all()


def test_hands_are_in_front_open_and_mirror_each_other(robot):
    left, right = robot.wrist_poses(robot.ready_pose).reshape(2, 3, 3)
    mirror = np.array([1.0, -1.0, 1.0])
    np.testing.assert_allclose(left[0] * mirror, right[0], atol=1e-3)
    np.testing.assert_allclose(left[1] * mirror, right[1], atol=1e-3)
    assert left[1, 0] > 0.7 and -0.6 < left[1, 2] < -0.4  # fingers point forward, and down


def test_the_camera_looks_down_at_the_hands(robot):
    model = robot_spec(robot.urdf).compile()
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    view = data.body(robot.cameras["head"].frame).xmat.reshape(3, 3)[:, 2]
    assert np.degrees(np.arcsin(-view[2])) == pytest.approx(47.6, abs=0.1)
