"""A safety description that contradicts itself or its robot is refused when it is loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vla_core.errors import RobotDescriptionError
from vla_core.paths import root
from vla_core.robot.load import load_robot
from vla_core.robot.model import RobotModel
from vla_core.safety.collision import CollisionModel
from vla_core.safety.description import HandSpeedMode, PairKind
from vla_core.safety.load_description import load_safety

SAFETY = Path("config/robots/g1_inspire.safety.yaml")
SRDF = Path("config/robots/g1_inspire.srdf")
URDF = Path("urdf/g1_inspire.urdf")


@pytest.fixture
def spoilt(tmp_path: Path):
    """A copy of the default robot in which `old` is `new` in one file; gives its YAML's path."""

    def copy(file: Path = SAFETY, old: str = "", new: str = "") -> Path:
        for folder in ("config/robots", "urdf"):
            shutil.copytree(root() / folder, tmp_path / folder)
        text = (tmp_path / file).read_text()
        assert old in text
        (tmp_path / file).write_text(text.replace(old, new, 1))
        return tmp_path / "config/robots/g1_inspire.yaml"

    return copy


def refusal(yaml: Path) -> str:
    """What is said against a robot, from its YAML to its distances."""
    with pytest.raises(RobotDescriptionError) as refused:
        robot = RobotModel.load(yaml)
        CollisionModel(robot, load_safety(robot.description))
    return str(refused.value)


@pytest.mark.parametrize("name", ["g1_inspire", "g1_bottle"])
def test_the_shipped_descriptions_load(name):
    robot = load_robot(name)
    safety = load_safety(robot)
    assert set(safety.margins) == set(PairKind)
    assert set(safety.hand_speed) == set(HandSpeedMode)
    assert set(safety.tracking) == set(robot.groups)


def test_a_robot_that_names_none_has_none(spoilt):
    yaml = spoilt(
        Path("config/robots/g1_inspire.yaml"), "safety: g1_inspire.safety.yaml\n", ""
    )
    assert load_safety(load_robot(yaml)) is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "self: {hard: 0.005, soft: 0.02}",
            "self: {hard: 0.02, soft: 0.02}",
            "margins.self: got hard 0.02 and soft 0.02 m, expected hard < soft",
        ),
        (
            "self: {hard: 0.005,",
            "self: {hard: -0.005,",
            "margins.self.hard: got -0.005, expected 0 or more",
        ),
        ("  keep_out: {hard: 0.02, soft: 0.05}\n", "", "margins.keep_out: is missing; add it"),
        ("teleop: 0.6, ", "", "hand_speed.teleop: is missing; add it"),
        ("ready: 0.3", "ready: 0", "hand_speed.ready: got 0.0, expected more than 0"),
        (
            "  waist: {slow: 0.08, stop: 0.2}\n",
            "",
            "tracking.waist: is missing; add it",
        ),
        (
            "  waist: {slow: 0.08, stop: 0.2}\n",
            "  waist: {slow: 0.08, stop: 0.2}\n  tail: {slow: 1, stop: 2}\n",
            "tracking: got unknown keys tail; known are left_arm, left_hand, right_arm, "
            "right_hand, waist",
        ),
        (
            "waist: {slow: 0.08, stop: 0.2}",
            "waist: {slow: 0.2, stop: 0.1}",
            "tracking.waist: got slow 0.2, stop 0.1; expected slow < stop",
        ),
        ("estop_heartbeat_s: 0.0", "estop_heartbeat_s: -1", "estop_heartbeat_s: got -1, expected"),
        ("kind: table", "kind: chair", "boxes.table.kind: got 'chair', expected one of self, arms"),
        ("kind: table", "kind: self", "boxes.table.kind: got self, expected table or keep_out"),
        (
            "size: [0.60, 0.90, 0.04]",
            "size: [0.60, 0.0, 0.04]",
            "boxes.table.size: got [0.6, 0.0, 0.04], expected more than 0 m",
        ),
        (
            "centre: [0.42, 0.0, -0.02]",
            "centre: [0.42, 0.0]",
            "boxes.table.centre: got 2 numbers, expected x, y, z",
        ),
        (
            "      - waist_yaw_link\n",
            "      - tail_link\n",
            "boxes.table: names the links tail_link, which g1_inspire.urdf lacks",
        ),
        (
            "links: [torso_link, head_link]",
            "links: [torso_link, pelvis]",
            "bodies.torso.links: pelvis also in pelvis; keep each link in one body",
        ),
        (
            "links: [torso_link, head_link]",
            "links: [torso_link, left_wrist_frame]",
            "bodies.torso: left_wrist_frame has no <collision> shape; leave it out",
        ),
        (
            "torso: {link: torso_link,",
            "torso: {link: left_elbow_link,",
            "bodies.torso: torso_link does not hang on left_elbow_link; see `link`",
        ),
        ("srdf: g1_inspire.srdf", "srdf: nowhere.srdf", "nowhere.srdf: cannot be read as SRDF"),
        (
            "table: {hard: 0.002, soft: 0.01}",
            "table: {hard: 0.002, soft: 0.2}",
            "margins.table.soft: got 0.2 m, but in the ready pose",
        ),
        (
            "upper: [0.75, 0.70, 0.75]",
            "upper: [0.75, -0.80, 0.75]",
            "workspace: got lower [-0.4, -0.7, -0.45] and upper [0.75, -0.8, 0.75], expected lower <",
        ),
        (
            "upper: [0.75, 0.70, 0.75]",
            "upper: [0.36, 0.70, 0.75]",
            "hand and workspace_front are 0.0342 m apart; lower the margin or change",
        ),
        (
            "bodies: [left_hand, right_hand]",
            "bodies: [left_hand, tail]",
            "workspace.bodies: got tail, expected some of pelvis, torso, left_upper_arm",
        ),
        ("estop_heartbeat_s: 0.0", "estop_heartbeat_s: 0.0\nspeed: 1", "got unknown keys speed"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(spoilt, old, new, said):
    assert said in refusal(spoilt(SAFETY, old, new))


def test_a_link_that_the_urdf_lacks_is_refused_in_the_srdf(spoilt):
    said = refusal(spoilt(SRDF, 'link1="pelvis"', 'link1="tail"'))
    assert "disable_collisions: got 'tail' and" in said
    assert "expected two links of g1_inspire.urdf" in said


def test_a_shape_that_pinocchio_drops_is_refused(spoilt):
    said = refusal(
        spoilt(
            URDF,
            '<collision><origin xyz="0 0 0.024" rpy="0 0 0"/><geometry><cylinder ',
            '<collision><origin xyz="0 0 0.024" rpy="0 0 0"/><geometry><capsule ',
        )
    )
    assert "link waist_yaw_link: got <capsule>, which Pinocchio drops" in said


def test_a_description_that_leaves_nothing_to_compare_is_refused(tmp_path):
    (tmp_path / "bare.urdf").write_text(
        '<robot name="bare"><link name="base"/><link name="arm"/>'
        '<joint name="turn" type="revolute"><parent link="base"/><child link="arm"/>'
        '<axis xyz="0 0 1"/><limit lower="-1" upper="1" effort="1" velocity="1"/></joint></robot>'
    )
    (tmp_path / "bare.srdf").write_text('<robot name="bare"/>')
    (tmp_path / "bare.yaml").write_text(
        "name: bare\nurdf: bare.urdf\nbase_link: base\nsafety: bare.safety.yaml\n"
        "position_margin: 0.0\ngroups:\n  arm:\n    unit: rad\n    velocity: 1.0\n"
        "    acceleration: 9.0\n    jerk: 90.0\n    joints: {turn: {}}\n"
        "fixed_joints: {}\nend_effectors: {}\ncameras: {}\n"
        "joint_states: {topic: /joint_states}\n"
        "command: {topic: /command, interface: joint_state, rate_hz: 100.0}\n"
        "ready_pose: {arm: [0.0]}\n"
    )
    (tmp_path / "bare.safety.yaml").write_text(
        "srdf: bare.srdf\nmargins:\n"
        + "".join(f"  {kind}: {{hard: 0.0, soft: 0.1}}\n" for kind in PairKind)
        + "hand_speed: {policy: 1.0, teleop: 1.0, ready: 1.0}\n"
        "tracking: {arm: {slow: 0.1, stop: 0.2}}\nestop_heartbeat_s: 0.0\n"
    )
    assert "leaves nothing to compare; give bare.urdf <collision> shapes" in refusal(
        tmp_path / "bare.yaml"
    )
