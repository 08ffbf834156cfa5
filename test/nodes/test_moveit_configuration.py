"""MoveIt's configuration of the default robot says what the robot's own files say."""

from __future__ import annotations

import importlib.util
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import yaml

from vla_core.errors import ConfigError
from vla_core.paths import root
from vla_core.robot.model import RobotModel
from vla_core.safety.collision import CollisionModel
from vla_core.safety.load_description import load_safety
from vla_nodes.nodes.moveit_planner import MoveItPlanner, box_pose, moveit_configuration


@pytest.fixture(scope="module")
def collision() -> CollisionModel:
    robot = RobotModel.load("g1_inspire")
    return CollisionModel(robot, load_safety(robot.description))


@pytest.fixture(scope="module")
def configuration() -> dict:
    return moveit_configuration("g1_inspire")


def test_urdf_and_srdf_are_the_filters_own(collision, configuration):
    assert configuration["robot_description"] == collision.robot.urdf.read_text()
    assert configuration["robot_description_semantic"] == collision.safety.srdf.read_text()


def test_the_planning_group_is_every_joint_of_the_robot(collision, configuration):
    srdf = ElementTree.fromstring(configuration["robot_description_semantic"])
    urdf = ElementTree.fromstring(configuration["robot_description"])
    groups = {group.get("name"): group for group in srdf.findall("group")}
    parents = {
        joint.find("child").get("link"): joint for joint in urdf.findall("joint")
    }

    def joints(name: str) -> set[str]:
        group = groups[name]
        found = {joint.get("name") for joint in group.findall("joint")}
        for chain in group.findall("chain"):
            link = chain.get("tip_link")
            while link != chain.get("base_link"):
                joint = parents[link]
                if joint.get("type") != "fixed":
                    found.add(joint.get("name"))
                link = joint.find("parent").get("link")
        return found.union(*(joints(inner.get("name")) for inner in group.findall("group")))

    robot = collision.robot
    assert joints(configuration["group"]) == set(robot.joint_names)
    for name, members in robot.description.groups.items():
        assert joints(name) == set(members)


def test_limits_and_controller_are_the_robots(collision, configuration):
    robot = collision.robot
    limits = configuration["robot_description_planning"]["joint_limits"]
    assert list(limits) == list(robot.joint_names)
    for key, values in (
        ("max_velocity", robot.limits.velocity),
        ("max_acceleration", robot.limits.acceleration),
    ):
        np.testing.assert_allclose([limit[key] for limit in limits.values()], values)
    for key, values in (("min_position", robot.limits.lower), ("max_position", robot.limits.upper)):
        # MoveIt compares without tolerance.
        np.testing.assert_array_equal([limit[key] for limit in limits.values()], values)
    manager = configuration["moveit_simple_controller_manager"]
    controller = manager["joint_trajectory_controller"]
    assert controller["joints"] == list(robot.joint_names)


def test_paths_come_as_corners_because_the_motion_rests_at_each_waypoint(configuration):
    """Resampled or interpolated, a straight way would be a stop every few centimetres."""
    pipeline = configuration["ompl"]
    assert not [name for name in pipeline["response_adapters"] if "/Add" in name]
    for planner in pipeline["planner_configs"].values():
        assert planner["interpolate"] == 0
        assert not isinstance(planner["interpolate"], bool)  # "false" is no number to MoveIt


def test_boxes_stand_where_the_description_says(collision):
    box = collision.boxes[0]
    pose = box_pose(box)
    assert (pose.position.x, pose.position.y, pose.position.z) == tuple(box.centre)
    assert pose.orientation.w == pytest.approx(1.0)


def test_a_configuration_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="nowhere/moveit.yaml: no such file"):
        moveit_configuration("nowhere")


def test_a_missing_file_is_named(tmp_path):
    listed = yaml.safe_load((root() / "config/moveit/g1_inspire/moveit.yaml").read_text())
    (tmp_path / "moveit.yaml").write_text(yaml.safe_dump({**listed, "urdf": "gone.urdf"}))
    with pytest.raises(ConfigError, match=r"gone.urdf does not exist|does not exist"):
        moveit_configuration(str(tmp_path))


@pytest.mark.skipif(importlib.util.find_spec("moveit") is not None, reason="moveit_py is there")
def test_without_moveit_py_the_way_out_is_told(collision):
    with pytest.raises(ConfigError, match="leave `moveit` empty: OMPL plans then"):
        MoveItPlanner(collision, "g1_inspire", 1.0)
