"""Our URDF says of the joints what the vendor's says."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pinocchio as pin
import pytest

from vla_core.paths import root
from vla_core.robot.model import RobotModel

VENDOR = root().parent / "shared/data/robots/unitree_g1/assets"

pytestmark = pytest.mark.skipif(
    not VENDOR.is_dir(), reason=f"the vendor's descriptions are not there: {VENDOR}"
)


def vendor_limits(file: Path, rename=lambda name: name) -> dict[str, dict[str, float]]:
    """`<limit>` of every joint by name."""
    return {
        rename(joint.get("name")): {k: float(v) for k, v in joint.find("limit").items()}
        for joint in ElementTree.parse(file).getroot().findall("joint")
        if joint.find("limit") is not None
    }


def our_limits() -> dict[str, dict[str, float]]:
    return vendor_limits(RobotModel.load("g1_inspire").urdf)


def test_body_limits_are_the_vendors():
    vendor = vendor_limits(VENDOR / "g1/g1_body29_hand14.urdf")
    body = {name: limits for name, limits in our_limits().items() if name in vendor}
    assert len(body) == 17
    assert body == {name: vendor[name] for name in body}


@pytest.mark.parametrize("side", ["left", "right"])
def test_hand_limits_are_the_vendors(side):
    vendor = vendor_limits(
        VENDOR / f"inspire_hand/inspire_hand_{side}.urdf",
        lambda name: name.replace(f"{side[0].upper()}_", f"{side}_"),
    )
    hand = {name: limits for name, limits in our_limits().items() if name in vendor}
    assert len(hand) == 6
    assert hand == {name: vendor[name] for name in hand}


def test_arms_reach_where_the_vendors_do(tmp_path):
    """Random poses: the wrists of the vendor's model and ours coincide."""
    robot = RobotModel.load("g1_inspire")
    vendor = pin.buildModelFromUrdf(str(VENDOR / "g1/g1_body29_hand14.urdf"))
    data = vendor.createData()
    random = np.random.default_rng(1)
    for _ in range(20):
        position = random.uniform(robot.limits.lower, robot.limits.upper)
        configuration = np.zeros(vendor.nq)
        for name, value in zip(robot.joint_names, position, strict=True):
            if vendor.existJointName(name):
                configuration[vendor.joints[vendor.getJointId(name)].idx_q] = value
        pin.framesForwardKinematics(vendor, data, configuration)
        poses = robot.wrist_poses(position).reshape(2, 3, 3)
        for side, pose in zip(robot.end_effectors, poses, strict=True):
            wrist = data.oMf[vendor.getFrameId(f"{side}_wrist_yaw_link")]
            np.testing.assert_allclose(pose[0], wrist.translation, atol=1e-9)
            np.testing.assert_allclose(pose[1:], wrist.rotation[:, :2].T, atol=1e-9)


@pytest.mark.parametrize("side", ["left", "right"])
def test_knuckles_are_where_the_vendors_are(side):
    """Relative to the index finger's knuckle, whatever frame the hand's base has."""
    ours = pin.buildModelFromUrdf(str(RobotModel.load("g1_inspire").urdf))
    theirs = pin.buildModelFromUrdf(str(VENDOR / f"inspire_hand/inspire_hand_{side}.urdf"))
    fingers = ["index", "middle", "ring", "pinky", "thumb"]

    def spread(model: pin.Model, prefix: str) -> np.ndarray:
        data = model.createData()
        pin.forwardKinematics(model, data, np.zeros(model.nq))
        joints = [f"{prefix}_{f}_proximal{'_pitch' * (f == 'thumb')}_joint" for f in fingers]
        places = np.array([data.oMi[model.getJointId(joint)].translation for joint in joints])
        return np.linalg.norm(places[:, None] - places[None], axis=-1)

    np.testing.assert_allclose(spread(ours, side), spread(theirs, side[0].upper()), atol=1e-5)
