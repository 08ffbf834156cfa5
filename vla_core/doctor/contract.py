"""Which topic is what: by the robot's YAML where the robot is known, else by message type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

import numpy as np

from vla_core.robot.description import CameraDescription, CommandInterface, RobotDescription
from vla_core.robot.topics import with_full_names

JOINT_STATE = "sensor_msgs/msg/JointState"
JOINT_TRAJECTORY = "trajectory_msgs/msg/JointTrajectory"
FLOAT_ARRAY = "std_msgs/msg/Float64MultiArray"
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
_COMMAND_TYPES = {
    CommandInterface.JOINT_TRAJECTORY: JOINT_TRAJECTORY,
    CommandInterface.FORWARD_COMMAND: FLOAT_ARRAY,
    CommandInterface.JOINT_STATE: JOINT_STATE,
}


class Role(Enum):
    """What a topic is for the checks."""

    CAMERA = "camera"
    MEASURED = "measured joints"
    COMMANDED = "commanded joints"
    OTHER = "times only"


class Size(NamedTuple):
    """Of a camera's pictures [pixels]."""

    width: int
    height: int


@dataclass(frozen=True)
class Contract:
    """What a recording is held to.

    Attributes:
        robot: None: of an unknown robot, only what needs no robot is checked.
        sizes: that the pictures of a topic may have; one that is not here keeps its first size.
        required: topic -> message type.
        commands: topic -> message type.
        cameras: topic -> as the robot's YAML describes it.
    """

    robot: RobotDescription | None = None
    sizes: Mapping[str, tuple[Size, ...]] = field(default_factory=dict)
    required: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    cameras: Mapping[str, CameraDescription] = field(default_factory=dict)

    @classmethod
    def of_bag(cls, robot: RobotDescription | None, namespace: str = "") -> Contract:
        """The robot's own topics; its cameras, real or simulated, and states must be there."""
        if robot is None:
            return cls()
        robot = with_full_names(robot, namespace)
        cameras = robot.cameras.values()
        types = {c.topic: f"sensor_msgs/msg/{c.message.value}" for c in cameras}
        commands = {c.topic: _COMMAND_TYPES[c.interface] for c in robot.command.controllers}
        if robot.recording.command_topic is not None:
            commands[robot.recording.command_topic] = JOINT_STATE
        return cls(
            robot,
            {
                c.topic: (Size(c.width, c.height), Size(c.simulated_width, c.simulated_height))
                for c in cameras
            },
            types | dict.fromkeys(robot.joint_states_topics, JOINT_STATE),
            commands,
            {camera.topic: camera for camera in cameras},
        )

    def role(self, topic: str, message_type: str) -> Role:
        """What a topic is; without a robot, by its type."""
        if self.commands.get(topic) == message_type:
            return Role.COMMANDED
        if self.required and self.required.get(topic) != message_type:
            return Role.OTHER
        if message_type in (IMAGE, COMPRESSED_IMAGE):
            return Role.CAMERA
        return Role.MEASURED if message_type == JOINT_STATE else Role.OTHER

    def command_names(self, topic: str) -> tuple[str, ...]:
        """Joints that a command on a topic is for; () where nothing says it."""
        controllers = self.robot.command.controllers if self.robot else ()
        return next((c.joint_names for c in controllers if c.topic == topic), ())


class Limits(NamedTuple):
    """Of a robot's joints in canonical order, `(dof,)` [unit], [unit/s]; and thresholds' unit."""

    lower: np.ndarray
    upper: np.ndarray
    hard_lower: np.ndarray
    hard_upper: np.ndarray
    velocity: np.ndarray
    per_radian: np.ndarray


def limits_of(robot: RobotDescription) -> Limits:
    """Operating limits of the YAML, and the URDF's in the joints' own units."""
    ends = []
    for joint in robot.joints:
        urdf = robot.urdf.joints[joint.urdf_joint]
        ends.append(sorted((end - joint.offset) / joint.scale for end in (urdf.lower, urdf.upper)))
    hard_lower, hard_upper = np.array(ends).T
    return Limits(
        np.array([joint.lower for joint in robot.joints]),
        np.array([joint.upper for joint in robot.joints]),
        hard_lower,
        hard_upper,
        np.array([joint.velocity for joint in robot.joints]),
        robot.per_radian,
    )
