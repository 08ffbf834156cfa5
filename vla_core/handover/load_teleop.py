"""Reads a teleoperation's YAML, and refuses what contradicts itself or the robot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pinocchio as pin

from vla_core.errors import RobotDescriptionError
from vla_core.handover.settings import HandoverSettings, Release, Takeover
from vla_core.handover.teleop_description import (
    DeadmanInput,
    GripperAxis,
    HandInput,
    LeaderGripper,
    LeaderInput,
    LeaderJoint,
    PoseInput,
    PoseMeaning,
    TeleopDescription,
    TwistAxis,
    TwistInput,
)
from vla_core.paths import teleop_file
from vla_core.robot.checked_yaml import CheckedMapping
from vla_core.robot.description import RobotDescription


def load_teleop(name: str | Path, robot: RobotDescription) -> TeleopDescription:
    """Read a teleoperation by its name under `config/teleop`, or from a path.

    Raises:
        ConfigError, RobotDescriptionError: there is none, or it contradicts itself or the robot;
            says where, what was got and what was expected.
    """
    path = teleop_file(name)
    yaml = CheckedMapping.read(path)
    deadman, timeout_s = _deadman(yaml.mapping("deadman"))
    leader = _leader(yaml.mapping("leader"), robot) if "leader" in yaml else None
    hands = ()
    if "hands" in yaml:
        hands = tuple(_hand(side, inner, robot) for side, inner in yaml.mappings("hands").items())
    description = TeleopDescription(path.stem, deadman, leader, hands, _handover(yaml, timeout_s))
    yaml.done()
    if leader is None and not hands:
        raise RobotDescriptionError(yaml.where(), "moves nothing; give `leader`, `hands` or both")
    _refuse_moved_twice(yaml, description, robot)
    return description


def _handover(yaml: CheckedMapping, deadman_timeout_s: float) -> HandoverSettings:
    defaults = HandoverSettings()
    given: dict[str, object] = {"deadman_timeout_s": deadman_timeout_s}
    if "takeover" in yaml:
        given["takeover"] = yaml.choice("takeover", Takeover)
    if "on_release" in yaml:
        given["on_release"] = yaml.choice("on_release", Release)
    for key in ("tolerance", "approach", "resume_timeout_s"):
        given[key] = yaml.positive(key) if key in yaml else getattr(defaults, key)
    if given["approach"] > 1:
        raise RobotDescriptionError(
            yaml.where("approach"),
            f"got {given['approach']:g}, expected a share of TELEOP's speed, at most 1",
        )
    return HandoverSettings(**given)


def _deadman(yaml: CheckedMapping) -> tuple[DeadmanInput, float]:
    button = _number(yaml, "button") if "button" in yaml else None
    found = DeadmanInput(yaml.text("topic"), button)
    default_s = HandoverSettings.deadman_timeout_s
    timeout_s = yaml.positive("timeout_s") if "timeout_s" in yaml else default_s
    yaml.done()
    return found, timeout_s


def _leader(yaml: CheckedMapping, robot: RobotDescription) -> LeaderInput:
    joints = []
    for name, inner in yaml.mappings("joints").items():
        if name not in robot.joint_names:
            raise RobotDescriptionError(
                inner.where(), f"{robot.name} has no such joint; it has "
                f"{', '.join(robot.joint_names)}"
            )  # fmt: skip
        scale = inner.number("scale") if "scale" in inner else 1.0
        if scale == 0:
            raise RobotDescriptionError(inner.where("scale"), "got 0, expected another number")
        offset = inner.number("offset") if "offset" in inner else 0.0
        joints.append(LeaderJoint(name, inner.text("joint"), scale, offset))
        inner.done()
    grippers = []
    if "grippers" in yaml:
        for side, inner in yaml.mappings("grippers").items():
            _refuse_unknown_side(inner, side, robot)
            ends = _ends(inner)
            grippers.append(LeaderGripper(side, inner.text("joint"), *ends))
            inner.done()
    found = LeaderInput(yaml.text("topic"), tuple(joints), tuple(grippers))
    yaml.done()
    return found


def _hand(side: str, yaml: CheckedMapping, robot: RobotDescription) -> HandInput:
    _refuse_unknown_side(yaml, side, robot)
    if ("pose" in yaml) == ("twist" in yaml):
        raise RobotDescriptionError(yaml.where(), "give either `pose` or `twist`")
    target = _pose(yaml.mapping("pose")) if "pose" in yaml else _twist(yaml.mapping("twist"))
    gripper = None
    if "gripper" in yaml:
        inner = yaml.mapping("gripper")
        gripper = GripperAxis(inner.text("topic"), _number(inner, "axis"), *_ends(inner))
        inner.done()
    yaml.done()
    return HandInput(side, target, gripper)


def _pose(yaml: CheckedMapping) -> PoseInput:
    meaning = yaml.choice("meaning", PoseMeaning) if "meaning" in yaml else PoseMeaning.RELATIVE
    rpy = yaml.numbers("rpy") if "rpy" in yaml else (0.0, 0.0, 0.0)
    if len(rpy) != 3:
        raise RobotDescriptionError(yaml.where("rpy"), f"got {len(rpy)} numbers, expected 3")
    scale = yaml.positive("scale") if "scale" in yaml else 1.0
    found = PoseInput(yaml.text("topic"), meaning, scale, pin.rpy.rpyToMatrix(np.array(rpy)))
    yaml.done()
    return found


def _twist(yaml: CheckedMapping) -> TwistInput:
    inner = yaml.mapping("axes")
    axes = {}
    for axis in TwistAxis:
        if axis.value in inner:
            one = inner.mapping(axis.value)
            axes[axis] = (_number(one, "axis"), one.number("speed"))
            one.done()
    inner.done()
    if not axes:
        raise RobotDescriptionError(inner.where(), "names no axis; there are x, y, z, …")
    found = TwistInput(yaml.text("topic"), axes)
    yaml.done()
    return found


def _ends(yaml: CheckedMapping) -> tuple[float, float]:
    """Where a gripper is open, and closed."""
    ends = yaml.number("open"), yaml.number("closed")
    if ends[0] == ends[1]:
        raise RobotDescriptionError(
            yaml.where(), f"got {ends[0]:g} for open and closed, expected two values"
        )
    return ends


def _number(yaml: CheckedMapping, key: str) -> int:
    """Of a button or an axis."""
    value = yaml.number(key)
    if value < 0 or value != int(value):
        raise RobotDescriptionError(yaml.where(key), f"got {value:g}, expected 0, 1, 2, …")
    return int(value)


def _refuse_unknown_side(yaml: CheckedMapping, side: str, robot: RobotDescription) -> None:
    if side not in robot.end_effectors:
        raise RobotDescriptionError(
            yaml.where(), f"{robot.name} has the hands {', '.join(robot.end_effectors) or 'none'}"
        )


def _refuse_moved_twice(
    yaml: CheckedMapping, description: TeleopDescription, robot: RobotDescription
) -> None:
    """Each joint has one master."""
    moved = []
    if description.leader is not None:
        moved += [joint.joint for joint in description.leader.joints]
        for gripper in description.leader.grippers:
            moved += robot.groups[robot.end_effectors[gripper.side].hand_group]
    for hand in description.hands:
        effector = robot.end_effectors[hand.side]
        moved += robot.groups[effector.arm_group]
        moved += robot.groups[effector.hand_group] if hand.gripper else ()
    twice = sorted({name for name in moved if moved.count(name) > 1})
    if twice:
        raise RobotDescriptionError(
            yaml.where(), f"moves {', '.join(twice)} in two ways; leave one of them out"
        )
