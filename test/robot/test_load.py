"""What does not fit is refused at load, saying where, what was got and what to do."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.errors import RobotDescriptionError
from vla_core.robot.description import CommandInterface, RecordingDescription, Unit
from vla_core.robot.load import load_robot


def refusal(file) -> str:
    """Message of the error that loading raises, without the folder."""
    with pytest.raises(RobotDescriptionError) as error:
        load_robot(file)
    return str(error.value).replace(f"{file.parent}/", "")


def test_limits_default_to_the_urdf_less_the_margin(tiny_robot):
    shoulder, grip = load_robot(tiny_robot()).joints
    assert (shoulder.lower, shoulder.upper) == (-0.9, 0.9)
    assert (grip.lower, grip.upper, grip.unit) == (0.0, 1.0, Unit.NORMALISED)


def test_a_joint_may_be_stricter_than_its_group(tiny_robot):
    shoulder, _ = load_robot(tiny_robot("shoulder: {}", "shoulder: {velocity: 0.5}")).joints
    assert (shoulder.velocity, shoulder.acceleration) == (0.5, 4.0)


def test_a_joint_that_the_urdf_lacks_is_refused(tiny_robot):
    assert refusal(tiny_robot("shoulder: {}", "sholder: {}")) == (
        "tiny.yaml, groups.arm.joints.sholder: tiny.urdf has no joint 'sholder'; "
        "it has finger, shoulder"
    )


def test_a_joint_that_nobody_mentions_is_refused(tiny_robot):
    extra = '<link name="tail"/><joint name="wag" type="revolute"><parent link="base"/>'
    extra += '<child link="tail"/><limit lower="-1" upper="1" effort="1" velocity="1"/></joint>'
    assert refusal(tiny_robot("</robot>", f"{extra}</robot>")) == (
        "tiny.yaml, fixed_joints: joints wag in tiny.urdf but neither here nor in `groups`; "
        "say where they stand"
    )


def test_an_unknown_key_is_refused(tiny_robot):
    assert refusal(tiny_robot("  rate_hz: 100.0", "  rate_hz: 100.0\n  rate: 5")) == (
        "tiny.yaml, command: got unknown keys rate; known are controllers, interface, rate_hz, topic"
    )


def test_a_command_goes_to_one_controller_unless_several_are_listed(tiny_robot):
    (only,) = load_robot(tiny_robot()).command.controllers
    assert (only.topic, only.joint_names) == ("/command", ("shoulder", "grip"))
    listed = """  controllers:
    grip: {topic: /grip, groups: [hand]}
    arm: {topic: /arm, groups: [arm]}"""
    command = load_robot(tiny_robot("  topic: /command", listed)).command
    assert [(c.topic, c.joint_names) for c in command.controllers] == [
        ("/grip", ("grip",)),
        ("/arm", ("shoulder",)),
    ]


INTERFACES = [interface.value for interface in CommandInterface]


@pytest.mark.parametrize("given", INTERFACES)
@pytest.mark.parametrize("of_all", INTERFACES)
def test_a_controller_has_an_interface_of_its_own_or_that_of_all(tiny_robot, of_all, given):
    listed = f"""  interface: {of_all}
  controllers:
    grip: {{topic: /grip, groups: [hand], interface: {given}}}
    arm: {{topic: /arm, groups: [arm]}}"""
    file = tiny_robot("  topic: /command\n  interface: forward_command", listed)
    grip, arm = load_robot(file).command.controllers
    assert (grip.interface.value, arm.interface.value) == (given, of_all)


def test_a_controller_without_any_interface_is_refused(tiny_robot):
    listed = "  controllers: {arm: {topic: /arm, groups: [arm, hand]}}"
    refused = refusal(tiny_robot("  topic: /command\n  interface: forward_command", listed))
    assert refused.startswith("tiny.yaml, command.controllers.arm.interface: ")


def test_two_controllers_on_one_topic_are_refused(tiny_robot):
    listed = """  controllers:
    grip: {topic: /arm, groups: [hand]}
    arm: {topic: /arm, groups: [arm]}"""
    assert refusal(tiny_robot("  topic: /command", listed)) == (
        "tiny.yaml, command.controllers: /arm is the topic of several; give each controller its own"
    )


def test_a_joint_that_no_controller_moves_is_refused(tiny_robot):
    listed = "  controllers: {arm: {topic: /arm, groups: [arm]}}"
    assert refusal(tiny_robot("  topic: /command", listed)) == (
        "tiny.yaml, command.controllers: joints grip belong to no controller, or to several; name "
        "each group in exactly one"
    )


def test_a_controller_of_an_unknown_group_is_refused(tiny_robot):
    listed = "  controllers: {leg: {topic: /leg, groups: [leg]}}"
    assert refusal(tiny_robot("  topic: /command", listed)) == (
        "tiny.yaml, command.controllers.leg.groups: got ['leg'], expected some of arm, hand"
    )


def test_a_misspelt_limit_of_a_joint_is_refused(tiny_robot):
    assert refusal(tiny_robot("shoulder: {}", "shoulder: {velocty: 1.0}")) == (
        "tiny.yaml, groups.arm.joints.shoulder: got unknown keys velocty; known are "
        "acceleration, jerk, lower, unit, upper, urdf_joint, velocity"
    )


def test_a_missing_limit_is_refused(tiny_robot):
    assert refusal(tiny_robot("    jerk: 40.0\n", "")) == (
        "tiny.yaml, groups.arm.joints.shoulder.jerk: is missing, here and in the group; "
        "add it [rad/s^3]"
    )


def test_a_missing_limit_of_the_urdf_is_refused(tiny_robot):
    file = tiny_robot('<limit lower="-1" upper="1" effort="1" velocity="3"/>', "")
    assert refusal(file) == (
        "tiny.urdf, joint shoulder: got <limit> lower, upper, velocity [nan, nan, nan], "
        "expected numbers with lower < upper and velocity > 0"
    )


def test_a_unit_that_we_do_not_know_is_refused(tiny_robot):
    assert refusal(tiny_robot("unit: rad", "unit: deg")) == (
        "tiny.yaml, groups.arm.unit: got 'deg', expected one of rad, m, normalised"
    )


def test_a_normalised_joint_needs_its_scale(tiny_robot):
    assert refusal(tiny_robot("scale: -2.0, ", "")) == (
        "tiny.yaml, groups.hand.joints.grip.scale: is missing; add it"
    )


def test_limits_beyond_the_urdf_are_refused(tiny_robot):
    assert refusal(tiny_robot("shoulder: {}", "shoulder: {upper: 57.3}")) == (
        "tiny.yaml, groups.arm.joints.shoulder: got limits -0.9 to 57.3, expected an interval "
        "inside the URDF's -1 to 1 [rad]"
    )


def test_a_ready_pose_outside_the_limits_is_refused(tiny_robot):
    assert refusal(tiny_robot("arm: [0.5]", "arm: [0.95]")) == (
        "tiny.yaml, ready_pose.arm: shoulder at 0.95 is outside its operating limits "
        "-0.9 to 0.9 [rad]"
    )


def test_a_ready_pose_of_another_size_is_refused(tiny_robot):
    assert refusal(tiny_robot("arm: [0.5]", "arm: [0.5, 0.1]")) == (
        "tiny.yaml, ready_pose.arm: got 2 positions, expected 1, one a joint"
    )


def test_a_key_given_twice_is_refused(tiny_robot):
    assert "keys given twice: shoulder" in refusal(
        tiny_robot("shoulder: {}", "shoulder: {}\n      shoulder: {}")
    )


def test_a_shape_that_pinocchio_drops_is_refused(tiny_robot):
    capsule = '<link name="base"><collision><geometry><capsule radius="1" length="1"/>'
    assert refusal(
        tiny_robot('<link name="base"/>', f"{capsule}</geometry></collision></link>")
    ) == (
        "tiny.urdf, link base: got <capsule>, which Pinocchio drops; "
        "expected one of box, cylinder, mesh, sphere"
    )


def test_numbers_must_be_finite(tiny_robot):
    assert refusal(tiny_robot("arm: [0.5]", "arm: [.nan]")) == (
        "tiny.yaml, ready_pose.arm: got nan, expected a finite number"
    )


def test_what_is_handed_out_is_read_only(tiny_robot):
    robot = load_robot(tiny_robot())
    with pytest.raises(ValueError, match="read-only"):
        robot.ready_pose += np.ones(2)


RECORDING = """recording:
  command_topic: /told
  cameras: {%s: observation.images.top}
ready_pose:"""


def test_a_recording_names_its_commands_and_its_cameras(tiny_robot):
    assert load_robot(tiny_robot()).recording == RecordingDescription()
    recording = load_robot(tiny_robot("ready_pose:", RECORDING % "head")).recording
    assert recording == RecordingDescription("/told", {"head": "observation.images.top"})


def test_a_recording_of_a_camera_that_the_robot_lacks_is_refused(tiny_robot):
    message = refusal(tiny_robot("ready_pose:", RECORDING % "wrist"))
    assert message == "tiny.yaml, recording.cameras: got wrist, expected some of head"
