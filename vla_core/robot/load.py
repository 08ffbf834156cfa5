"""Reads a robot's YAML, checks it against its URDF, and refuses what does not fit."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import numpy as np

from vla_core.errors import RobotDescriptionError
from vla_core.paths import robot_file
from vla_core.robot.checked_yaml import CheckedMapping
from vla_core.robot.description import (
    CameraDescription,
    CommandDescription,
    CommandInterface,
    ControllerDescription,
    EndEffector,
    JointDescription,
    RecordingDescription,
    RobotDescription,
)
from vla_core.robot.load_cameras import load_cameras
from vla_core.robot.load_joints import load_joints
from vla_core.robot.urdf import Urdf

Groups = dict[str, tuple[JointDescription, ...]]


def load_robot(name: str | Path) -> RobotDescription:
    """Load a robot by its name under `config/robots`, or from the path of a YAML.

    Raises:
        ConfigError: no such robot.
        RobotDescriptionError: the YAML or its URDF is wrong; says where, what was got and expected.
    """
    path = robot_file(name)
    yaml = CheckedMapping.read(path)
    urdf = Urdf.read((path.parent / yaml.text("urdf")).resolve())
    joints = load_joints(yaml, urdf)
    groups: Groups = {}
    for joint in joints:
        groups[joint.group] = (*groups.get(joint.group, ()), joint)
    cameras = load_cameras(yaml, urdf)
    states = yaml.mapping("joint_states")
    robot = RobotDescription(
        name=yaml.text("name"),
        source=path,
        urdf=urdf,
        base_link=_link(yaml, "base_link", urdf),
        joints=joints,
        groups=MappingProxyType(
            {group: tuple(j.name for j in members) for group, members in groups.items()}
        ),
        fixed_joints=MappingProxyType(_fixed_joints(yaml, urdf, {j.urdf_joint for j in joints})),
        end_effectors=MappingProxyType(_end_effectors(yaml, urdf, groups)),
        cameras=MappingProxyType(cameras),
        joint_states_topics=_joint_states_topics(states),
        command=_command(yaml.mapping("command"), groups),
        ready_pose=_ready_pose(yaml.mapping("ready_pose"), groups),
        safety_file=(path.parent / yaml.text("safety")).resolve() if "safety" in yaml else None,
        recording=(
            _recording(yaml.mapping("recording"), cameras)
            if "recording" in yaml
            else RecordingDescription()
        ),
    )
    states.done()
    yaml.done()
    return robot


def _joint_states_topics(yaml: CheckedMapping) -> tuple[str, ...]:
    """One `topic`, or `topics` where arms and hands are told on topics of their own."""
    if "topics" not in yaml:
        return (yaml.topic("topic"),)
    topics = yaml.topics("topics")
    if not topics or len(set(topics)) != len(topics) or "topic" in yaml:
        raise RobotDescriptionError(
            yaml.where("topics"), f"got {list(topics)}, expected names, each once, and no `topic`"
        )
    return topics


def _link(yaml: CheckedMapping, key: str, urdf: Urdf) -> str:
    name = yaml.text(key)
    if name not in urdf.links:
        raise RobotDescriptionError(yaml.where(key), f"got {name!r}, no link of {urdf.path.name}")
    return name


def _fixed_joints(yaml: CheckedMapping, urdf: Urdf, moved: set[str]) -> dict[str, float]:
    inner = yaml.mapping("fixed_joints")
    fixed = {name: inner.number(name) for name in inner.names()}
    unknown = sorted(set(fixed) - set(urdf.joints))
    both = sorted(set(fixed) & moved)
    neither = sorted(set(urdf.joints) - set(fixed) - moved)
    for names, problem in (
        (unknown, f"not in {urdf.path.name}"),
        (both, "also moved by a joint of `groups`; keep one"),
        (neither, f"in {urdf.path.name} but neither here nor in `groups`; say where they stand"),
    ):
        if names:
            raise RobotDescriptionError(inner.where(), f"joints {', '.join(names)} {problem}")
    for name, position in fixed.items():
        limits = urdf.joints[name]
        if not limits.lower <= position <= limits.upper:
            raise RobotDescriptionError(
                inner.where(name), f"got {position}, limits are {limits.lower} to {limits.upper}"
            )
    return fixed


def _end_effectors(yaml: CheckedMapping, urdf: Urdf, groups: Groups) -> dict[str, EndEffector]:
    result = {}
    for name, inner in yaml.mappings("end_effectors").items():
        hand_group = _group(inner, "hand_group", groups)
        result[name] = EndEffector(
            name=name,
            wrist_frame=_link(inner, "wrist_frame", urdf),
            grasp_frame=_link(inner, "grasp_frame", urdf),
            arm_group=_group(inner, "arm_group", groups),
            hand_group=hand_group,
            hand_open=_positions(inner, "hand_open", groups[hand_group]),
            hand_closed=_positions(inner, "hand_closed", groups[hand_group]),
        )
        inner.done()
    return result


def _group(yaml: CheckedMapping, key: str, groups: Groups) -> str:
    name = yaml.text(key)
    if name not in groups:
        raise RobotDescriptionError(
            yaml.where(key), f"got {name!r}, expected one of {', '.join(groups)}"
        )
    return name


def _positions(yaml: CheckedMapping, key: str, joints: tuple[JointDescription, ...]) -> np.ndarray:
    """Read-only `(joints,)` positions, inside the operating limits."""
    values = yaml.numbers(key)
    if len(values) != len(joints):
        raise RobotDescriptionError(
            yaml.where(key), f"got {len(values)} positions, expected {len(joints)}, one a joint"
        )
    for joint, position in zip(joints, values, strict=True):
        if not joint.lower <= position <= joint.upper:
            raise RobotDescriptionError(
                yaml.where(key),
                f"{joint.name} at {position:g} is outside its operating limits "
                f"{joint.lower:g} to {joint.upper:g} [{joint.unit.value}]",
            )
    array = np.array(values)
    array.setflags(write=False)
    return array


def _recording(
    yaml: CheckedMapping, cameras: dict[str, CameraDescription]
) -> RecordingDescription:
    keys: dict[str, str] = {}
    if "cameras" in yaml:
        inner = yaml.mapping("cameras")
        keys = {name: inner.text(name) for name in inner.names()}
        if unknown := sorted(set(keys) - set(cameras)):
            raise RobotDescriptionError(
                inner.where(), f"got {', '.join(unknown)}, expected some of {', '.join(cameras)}"
            )
    topic = yaml.topic("command_topic") if "command_topic" in yaml else None
    lists = {key: yaml.texts(key) for key in ("state", "action", "ignore") if key in yaml}
    named = yaml.mapping("names") if "names" in yaml else None
    names = {column: named.texts(column) for column in named.names()} if named else {}
    yaml.done()
    return RecordingDescription(topic, keys, names=names, **lists)


def _command(yaml: CheckedMapping, groups: Groups) -> CommandDescription:
    """One `topic` for all joints, or `controllers`, each with its topic and groups.

    The `interface` is that of every controller that has none of its own.
    """
    interface = yaml.choice("interface", CommandInterface) if "interface" in yaml else None
    if "controllers" in yaml:
        controllers = tuple(
            _controller(inner, groups, interface)
            for inner in yaml.mappings("controllers").values()
        )
        topics = [controller.topic for controller in controllers]
        if shared := sorted({topic for topic in topics if topics.count(topic) > 1}):
            raise RobotDescriptionError(
                yaml.where("controllers"),
                f"{', '.join(shared)} is the topic of several; give each controller its own",
            )
        moved = [name for controller in controllers for name in controller.joint_names]
        joints = [joint.name for group in groups.values() for joint in group]
        wrong = sorted({name for name in joints if moved.count(name) != 1})
        if wrong or not controllers:
            raise RobotDescriptionError(
                yaml.where("controllers"),
                f"joints {', '.join(wrong)} belong to no controller, or to several; name each "
                "group in exactly one",
            )
    else:
        joints = [joint.name for group in groups.values() for joint in group]
        if interface is None:
            interface = yaml.choice("interface", CommandInterface)  # says that it is missing
        controllers = (ControllerDescription(yaml.topic("topic"), tuple(joints), interface),)
    command = CommandDescription(controllers, rate_hz=yaml.positive("rate_hz"))
    yaml.done()
    return command


def _controller(
    yaml: CheckedMapping, groups: Groups, interface: CommandInterface | None
) -> ControllerDescription:
    named = yaml.texts("groups")
    unknown = [name for name in named if name not in groups]
    if unknown or not named:
        raise RobotDescriptionError(
            yaml.where("groups"), f"got {list(named)}, expected some of {', '.join(groups)}"
        )
    joints = tuple(joint.name for name in named for joint in groups[name])
    if "interface" in yaml or interface is None:
        interface = yaml.choice("interface", CommandInterface)
    controller = ControllerDescription(yaml.topic("topic"), joints, interface)
    yaml.done()
    return controller


def _ready_pose(yaml: CheckedMapping, groups: Groups) -> np.ndarray:
    pose = np.concatenate([_positions(yaml, group, joints) for group, joints in groups.items()])
    pose.setflags(write=False)
    yaml.done()
    return pose
