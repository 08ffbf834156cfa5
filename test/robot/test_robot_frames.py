"""The tree of frames: every link is where Pinocchio has it, and every picture has its frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pinocchio as pin
import pytest

from vla_core.errors import RobotDescriptionError
from vla_core.robot.description import ROOT_FRAME
from vla_core.robot.frames import FrameTransform, RobotFrames
from vla_core.robot.load import load_robot
from vla_core.robot.model import RobotModel

POSES = 200


def homogeneous(transform: FrameTransform) -> np.ndarray:
    pose = np.eye(4)
    x, y, z, w = transform.rotation
    pose[:3, :3] = pin.Quaternion(w, x, y, z).matrix()
    pose[:3, 3] = transform.translation
    return pose


def in_root(transforms: Sequence[FrameTransform]) -> dict[str, np.ndarray]:
    """Pose of each frame in `base_link`, as a listener chains them; refuses what is no tree."""
    parents = {one.child: one for one in transforms}
    assert len(parents) == len(transforms), "a frame has two parents"

    def pose(frame: str, depth: int = 0) -> np.ndarray:
        assert depth < 100, "a loop"
        if frame not in parents:
            assert frame == ROOT_FRAME, f"{frame} hangs in the air"
            return np.eye(4)
        return pose(parents[frame].parent, depth + 1) @ homogeneous(parents[frame])

    return {frame: pose(frame) for frame in parents}


def expected(robot: RobotModel, position: np.ndarray) -> dict[str, np.ndarray]:
    """Pinocchio's own, each joint set by name from the YAML."""
    model = pin.buildModelFromUrdf(str(robot.urdf))
    data, q = model.createData(), np.full(model.nq, np.nan)
    for joint, value in zip(robot.description.joints, position, strict=True):
        place = model.joints[model.getJointId(joint.urdf_joint)].idx_q
        q[place] = joint.scale * value + joint.offset
    for name, value in robot.description.fixed_joints.items():
        q[model.joints[model.getJointId(name)].idx_q] = value
    pin.framesForwardKinematics(model, data, q)
    links = robot.description.urdf.links
    return {link: data.oMf[model.getFrameId(link)].homogeneous for link in links}


@pytest.fixture(params=["g1_inspire", "g1_bottle", "tiny", "a joint fixed"])
def robot(request, tiny_robot) -> RobotModel:
    if request.param == "tiny":
        return RobotModel.load(tiny_robot())
    if request.param == "a joint fixed":
        return RobotModel.load(with_a_fixed_joint(tiny_robot()))
    return RobotModel.load(request.param)


def with_a_fixed_joint(yaml: Path) -> Path:
    """One more joint in the URDF, which stands at 0.7 rad and carries a fixed frame."""
    urdf = yaml.with_name("tiny.urdf")
    more = """
  <link name="neck"/><link name="eye"/>
  <joint name="nod" type="revolute"><parent link="arm"/><child link="neck"/>
    <origin xyz="0 0.1 0.3" rpy="0.2 0 0.1"/><axis xyz="0 1 0"/>
    <limit lower="-1" upper="1" effort="1" velocity="1"/></joint>
  <joint name="eye_fixed" type="fixed"><parent link="neck"/><child link="eye"/>
    <origin xyz="0.05 0 0" rpy="-1.57 0 -1.57"/></joint>
</robot>"""
    urdf.write_text(urdf.read_text().replace("</robot>", more))
    yaml.write_text(yaml.read_text().replace("fixed_joints: {}", "fixed_joints: {nod: 0.7}"))
    return yaml


def test_every_link_is_where_pinocchio_has_it(robot):
    """Scaled, offset and fixed joints too, over random configurations."""
    rng, frames = np.random.default_rng(0), RobotFrames(robot)
    for _ in range(POSES):
        position = rng.uniform(robot.limits.lower, robot.limits.upper)
        found = in_root([*frames.fixed, *frames.moved(position)])
        for link, pose in expected(robot, position).items():
            own = np.eye(4) if link == ROOT_FRAME else found[link]
            np.testing.assert_allclose(own, pose, rtol=0, atol=1e-9, err_msg=link)


def test_what_moves_is_what_a_joint_of_the_robot_moves(robot):
    frames = RobotFrames(robot)
    assert sorted(frames.moved_places) == list(range(robot.dof))
    assert len(frames.moved(robot.ready_pose)) == robot.dof
    rotations = [one.rotation for one in (*frames.fixed, *frames.moved(robot.ready_pose))]
    np.testing.assert_allclose(np.linalg.norm(rotations, axis=1), 1.0, atol=1e-12)


@pytest.mark.parametrize("name", ["g1_inspire", "g1_bottle"])
def test_every_camera_of_a_shipped_robot_has_an_optical_frame_in_the_tree(name):
    robot = RobotModel.load(name)
    frames = RobotFrames(robot)
    known = in_root([*frames.fixed, *frames.moved(robot.ready_pose)])
    for camera in robot.cameras.values():
        assert camera.frame in known and camera.frame.endswith("_optical_frame")


def test_the_cameras_are_where_the_simulated_table_has_them():
    """Their optical axes: z forward and y down, where MuJoCo looks along -z with y up."""
    from vla_core.suites.tabletop.tabletop import CAMERAS, TabletopSim

    robot = RobotModel.load("g1_inspire")
    frames = RobotFrames(robot)
    with TabletopSim(robot, render=False) as sim:
        sim.reset(0)
        known = in_root([*frames.fixed, *frames.moved(sim.position)])
        for name in CAMERAS:
            eye = sim.data.camera(name)
            axes = eye.xmat.reshape(3, 3) @ np.diag([1.0, -1.0, -1.0])
            pose = known[robot.cameras[name].frame]
            np.testing.assert_allclose(pose[:3, 3], eye.xpos, atol=1e-6)
            np.testing.assert_allclose(pose[:3, :3], axes, atol=1e-6)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("frame: eye", "frame: got 'eye', no link of tiny.urdf; .* pose_in_base"),
        ("frame: arm\n    pose_in_base: [0, 0, 1, 0, 0, 0, 1]", "a frame has one place"),
        ("pose_in_base: [0, 0, 1, 0, 0, 0, 1]", "cameras.head.frame: is missing"),
        ("frame: eye\n    pose_in_base: [0, 0, 1, 0, 0, 0, 2]", "a unit quaternion x, y, z, w"),
        ("frame: eye\n    pose_in_base: [0, 0, 1]", "a unit quaternion x, y, z, w"),
        ("frame: base_link\n    pose_in_base: [0, 0, 1, 0, 0, 0, 1]", "'base_link', the robot's"),
    ],
)
def test_a_camera_that_is_nowhere_or_in_two_places_is_refused(tiny_robot, lines, words):
    file = tiny_robot("    encoding: rgb8\n", f"    encoding: rgb8\n    {lines}\n")
    with pytest.raises(RobotDescriptionError, match=words):
        load_robot(file)
