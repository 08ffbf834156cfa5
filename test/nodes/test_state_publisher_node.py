"""Frames on a live domain: what a listener of tf finds is where Pinocchio has the links."""

from __future__ import annotations

import numpy as np
import pinocchio as pin
import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from diagnostic_msgs.msg import DiagnosticStatus
from live import Live
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from vla_core.robot.model import RobotModel
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import to_nanoseconds, to_time

NODE, NAMESPACE = "state_publisher_node", "robot1"
TF, FIXED = f"/{NAMESPACE}/{topics.TF}", f"/{NAMESPACE}/{topics.TF_STATIC}"
URDF = f"/{NAMESPACE}/{topics.ROBOT_DESCRIPTION}"
ROBOT = RobotModel.load("g1_bottle")  # scaled and offset joints, and fixed ones


class Driver:
    """Publishes joint states as a driver of the robot does."""

    def __init__(self, live: Live) -> None:
        self._live = live
        topic = f"/{NAMESPACE}/joint_states"
        self._publisher = live.node.create_publisher(JointState, topic, qos.SENSOR_SOURCE)

    def send(self, position: np.ndarray, joints: slice = slice(None)) -> int:
        """These joints, stamped now; the stamp [ns]."""
        now_ns = self._live.node.get_clock().now().nanoseconds
        names = list(ROBOT.joint_names[joints])
        message = JointState(name=names, position=position[joints].tolist())
        message.header.stamp = to_time(now_ns)
        self._publisher.publish(message)
        return now_ns


@pytest.fixture(scope="module")
def driver(live: Live) -> Driver:
    """The node under test, active in a namespace, and who feeds it."""
    for kind, topic, profile in (
        (TFMessage, TF, qos.TRANSFORMS),
        (TFMessage, FIXED, qos.LATCHED),
        (TFMessage, f"/{topics.TF}", qos.TRANSFORMS),
    ):
        live.listen(kind, topic, profile)
    arguments = ["--ros-args", "-r", f"__ns:=/{NAMESPACE}", "-p", "robot:=g1_bottle"]
    live.start(NODE, *arguments)
    for word in ("configure", "activate"):
        assert live.change(f"{NAMESPACE}/{NODE}", word), live.log(NODE)
    driver = Driver(live)
    live.wait_for_report(  # until the node has found the driver, what it sends is lost
        f"{NAMESPACE}/{NODE}", DiagnosticStatus.OK,
        each=lambda: driver.send(ROBOT.ready_pose, slice(0, 0)),
    )  # fmt: skip
    return driver


def poses(*messages: TFMessage) -> dict[str, tuple[str, np.ndarray]]:
    """Parent and pose of each frame."""
    found = {}
    for stamped in (stamped for message in messages for stamped in message.transforms):
        to, turn = stamped.transform.translation, stamped.transform.rotation
        pose = np.eye(4)
        pose[:3, :3] = pin.Quaternion(turn.w, turn.x, turn.y, turn.z).matrix()
        pose[:3, 3] = (to.x, to.y, to.z)
        assert stamped.child_frame_id not in found, "a frame with two parents"
        found[stamped.child_frame_id] = (stamped.header.frame_id, pose)
    return found


def in_base(tree: dict[str, tuple[str, np.ndarray]], frame: str) -> np.ndarray:
    if frame not in tree:
        assert frame == "base_link"
        return np.eye(4)
    parent, pose = tree[frame]
    return in_base(tree, parent) @ pose


def newest_of(live: Live, stamp_ns: int) -> TFMessage | None:
    message = live.newest.get(TF)
    stamps = message and [to_nanoseconds(t.header.stamp) for t in message.transforms]
    return message if stamps and set(stamps) == {stamp_ns} else None


def test_joints_that_were_not_told_have_no_transform(live, driver):
    half = slice(0, ROBOT.dof // 2)
    stamp_ns = driver.send(ROBOT.ready_pose, half)
    live.wait_until(lambda: newest_of(live, stamp_ns), "transforms of half of the joints")
    assert len(live.newest[TF].transforms) == ROBOT.dof // 2


def test_every_link_is_where_pinocchio_has_it_to_1e_9(live, driver):
    rng = np.random.default_rng(0)
    model = pin.buildModelFromUrdf(str(ROBOT.urdf))
    data = model.createData()
    fixed = live.wait_until(lambda: live.newest.get(FIXED), "fixed transforms")
    for _ in range(5):
        position = rng.uniform(ROBOT.limits.lower, ROBOT.limits.upper)
        stamp_ns = driver.send(position)
        moved = live.wait_until(lambda: newest_of(live, stamp_ns), "its transforms")  # noqa: B023
        tree = poses(fixed, moved)
        pin.framesForwardKinematics(model, data, ROBOT.pinocchio_position(position))
        for link in ROBOT.description.urdf.links:
            pose = data.oMf[model.getFrameId(link)].homogeneous
            np.testing.assert_allclose(in_base(tree, link), pose, rtol=0, atol=1e-9)


def test_parts_that_come_apart_are_put_together_by_name(live, driver):
    position = ROBOT.ready_pose + 0.05
    driver.send(position, slice(0, 5))
    stamp_ns = driver.send(position, slice(5, None))
    moved = live.wait_until(lambda: newest_of(live, stamp_ns), "transforms of all joints")
    assert len(moved.transforms) == ROBOT.dof


def test_who_comes_late_is_told_the_robot_and_what_stands(live, driver):
    live.listen(String, URDF, qos.LATCHED)
    told = live.wait_until(lambda: live.newest.get(URDF), "the description")
    assert told.data == ROBOT.urdf.read_text()
    known = poses(live.newest[FIXED])
    assert {"waist_yaw_link", "head_camera_optical_frame"} <= set(known)


def test_a_joint_state_that_is_none_is_refused_by_name_and_the_rest_goes_on(live, driver):
    spoilt = ROBOT.ready_pose.copy()
    spoilt[3] = np.nan
    live.wait_for_report(
        f"{NAMESPACE}/{NODE}", DiagnosticStatus.ERROR, ROBOT.joint_names[3], "nan",
        each=lambda: driver.send(spoilt),
    )  # fmt: skip
    stamp_ns = driver.send(ROBOT.ready_pose)
    live.wait_until(lambda: newest_of(live, stamp_ns), "transforms again")


def test_nothing_of_a_robot_in_a_namespace_is_on_the_root_s_tf(live, driver):
    assert live.counts[TF] > 5 and live.counts[f"/{topics.TF}"] == 0
