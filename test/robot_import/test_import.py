"""A vendor's URDF becomes files that load, check and keep distances, every guess marked."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from vla_core.errors import ConfigError, RobotDescriptionError
from vla_core.robot.check import check_robot
from vla_core.robot.model import RobotModel
from vla_core.robot_import.guess import Guess
from vla_core.robot_import.importing import import_robot
from vla_core.robot_import.source import Source
from vla_core.safety.command_safety import CommandSafety


def test_the_files_are_a_robot_in_which_nothing_is_wrong(imported):
    robot = RobotModel.load(imported.yaml)
    assert check_robot(robot) == []
    assert CommandSafety.of(robot).collision.pairs
    assert dict(robot.description.groups) == {
        "left_arm": tuple(f"left_{n}" for n in range(5)),
        "left_hand": ("left_finger",),
        "right_arm": tuple(f"right_{n}" for n in range(5)),
        "right_hand": ("right_finger",),
    }
    assert set(robot.description.fixed_joints) == {"left_other", "right_other", "wheel"}
    assert list(robot.end_effectors["left"].hand_open) == [pytest.approx(0.0392)]


def test_the_ready_pose_is_the_same_on_both_sides_and_away_from_limits(imported):
    robot = RobotModel.load(imported.yaml)
    left, right = (robot.ready_pose[robot.group_indices(f"{s}_arm")] for s in ("left", "right"))
    np.testing.assert_allclose(right, left * (-1, 1, 1, -1, 1), atol=1e-3)
    assert (robot.ready_pose > robot.limits.lower).all()
    assert (robot.ready_pose < robot.limits.upper).all()


def test_what_the_urdf_lacks_is_taken_and_told(imported):
    told = {guess.where: guess.what for guess in imported.guesses}
    assert told["right_2"] == "has no velocity; 1 a second is taken"
    assert Guess("wheel", "shared its name with a joint, now wheel_body") in imported.guesses
    assert Guess("wheel", "turns for ever; here from -pi to pi") in imported.guesses
    assert told["post"] == "has no <collision>, what is seen is taken"
    text = imported.yaml.read_text()
    assert all(f"# GUESS {g.where}: {g.what}" in text for g in imported.guesses)


def test_pairs_that_are_not_compared_have_a_reason(imported):
    text = imported.yaml.with_suffix(".srdf").read_text()
    assert 'link1="post" link2="left_0_link" reason="Adjacent"' in text
    assert 'reason="Never: nearest' in text
    assert 'reason="Hand: parts of one hand"' in text or "two joints apart" in text


def test_a_mesh_that_is_nowhere_is_named(vendor):
    with pytest.raises(RobotDescriptionError, match="say where its package lies: --package"):
        Source(vendor).mesh("package://elsewhere/a.stl")


def test_a_package_may_lie_where_it_is_told(vendor):
    source = Source(vendor, {"elsewhere": vendor.parents[1]})
    assert source.mesh("package://elsewhere/meshes/brick.stl").is_file()


def test_nothing_is_overwritten(imported, vendor):
    with pytest.raises(ConfigError, match="would be overwritten"):
        import_robot(vendor, "two_arms", imported.yaml.parent, vendor.parent, samples=1)


def test_a_xacro_without_the_library_says_what_to_do(vendor, monkeypatch):
    monkeypatch.setitem(sys.modules, "xacrodoc", None)
    xacro = vendor.rename(vendor.with_suffix(".xacro"))
    with pytest.raises(ConfigError, match="is a xacro, and xacrodoc is not here"):
        Source(xacro)


def test_a_description_without_arms_leaves_nothing_behind(vendor, tmp_path):
    vendor.write_text('<robot name="post"><link name="post"/></robot>')
    with pytest.raises(RobotDescriptionError, match="has no arm"):
        import_robot(vendor, "post", tmp_path / "out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_xacro_is_expanded(vendor):
    pytest.importorskip("xacrodoc")
    text = '<robot name="x" xmlns:xacro="http://www.ros.org/wiki/xacro"><xacro:arg name="n" default="a"/>'
    xacro = vendor.with_suffix(".xacro")
    xacro.write_text(f'{text}<link name="$(arg n)_link"/></robot>')
    assert Source(xacro, arguments={"n": "b"}).root.find("link").get("name") == "b_link"
