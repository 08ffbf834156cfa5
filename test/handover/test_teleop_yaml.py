"""A teleoperation's YAML is checked against the robot before anything moves."""

from __future__ import annotations

import pytest
import yaml

from vla_core.errors import ConfigError
from vla_core.handover.load_teleop import load_teleop
from vla_core.handover.settings import HandoverSettings, Release, Takeover
from vla_core.paths import root, teleop_file
from vla_core.robot.load import load_robot

ROBOT = load_robot("g1_inspire")


@pytest.mark.parametrize("path", sorted((root() / "config" / "teleop").glob("*.yaml")))
def test_what_is_shipped_fits_the_robot(path):
    assert load_teleop(path.stem, ROBOT).name == path.stem


def test_what_is_left_out_keeps_its_default(tmp_path):
    path = tmp_path / "pedal.yaml"
    path.write_text(
        "deadman: {topic: pedal}\nhands: {left: {pose: {topic: tracker}}}\ntakeover: matched\n"
        "on_release: hold\n"
    )
    found = load_teleop(path, ROBOT)
    assert found.deadman.button is None and found.leader is None
    assert found.handover == HandoverSettings(Takeover.MATCHED, Release.HOLD)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"takeover": "soon"}, "takeover: got 'soon', expected one of immediate, matched"),
        ({"on_release": "idle"}, "on_release: got 'idle', expected one of policy, hold"),
        ({"approach": 1.5}, "approach: got 1.5, expected a share"),
        ({"tolerance": 0}, "tolerance: got 0.0, expected more than 0"),
        ({"deadman": {"topic": "joy", "button": -1}}, "button: got -1, expected 0, 1, 2"),
        ({"deadman": {"topic": "joy", "knob": 1}}, "got unknown keys knob"),
        ({"leader": None}, "got None, expected a mapping"),
        ({"speed": 1}, "got unknown keys speed"),
        (
            {"leader": {"topic": "l", "joints": {"tail_joint": {"joint": "a"}}}},
            "tail_joint: g1_inspire has no such joint; it has waist_yaw_joint",
        ),
        (
            {"leader": {"topic": "l", "joints": {"waist_yaw_joint": {"joint": "a", "scale": 0}}}},
            "scale: got 0, expected another number",
        ),
        (
            {"hands": {"third": {"pose": {"topic": "p"}}}},
            "hands.third: g1_inspire has the hands left, right",
        ),
        ({"hands": {"left": {}}}, "hands.left: give either `pose` or `twist`"),
        (
            {"hands": {"left": {"pose": {"topic": "p", "meaning": "vague"}}}},
            "got 'vague', expected one of relative, absolute",
        ),
        (
            {"hands": {"left": {"pose": {"topic": "p"}}}},
            "moves left_elbow_joint, .* in two ways",
        ),
        ({"hands": {"left": {"twist": {"topic": "j", "axes": {}}}}}, "axes: names no axis"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(change, message, tmp_path):
    given = yaml.safe_load(teleop_file("leader").read_text())
    path = tmp_path / "leader.yaml"
    path.write_text(yaml.safe_dump(given | change))
    with pytest.raises(ConfigError, match=message):
        load_teleop(path, ROBOT)


def test_a_teleoperation_that_moves_nothing_is_refused(tmp_path):
    path = tmp_path / "none.yaml"
    path.write_text("deadman: {topic: pedal}\n")
    with pytest.raises(ConfigError, match="moves nothing; give `leader`, `hands` or both"):
        load_teleop(path, ROBOT)


def test_an_unknown_teleoperation_names_those_that_there_are():
    with pytest.raises(ConfigError, match="no 'exoskeleton'; there are gamepad, keyboard, leader, vr"):
        load_teleop("exoskeleton", ROBOT)
