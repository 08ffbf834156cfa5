"""A robot as data: joints in canonical order, limits, cameras, topics, ready pose.

Topics are named as in the YAML; `vla_core.robot.topics` knows their full names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np

from vla_core.robot.urdf import Urdf

#: The frame that REP-105 names the root of a robot.
ROOT_FRAME = "base_link"


#: A threshold of 1 rad is one of so many metres where a joint slides: an angle of 1 rad moves what
#: is 0.1 m from its axis by so much.
METRES_PER_RADIAN = 0.1


class Unit(Enum):
    """Unit of a joint's position on the wire; velocities and beyond are per second of it."""

    RADIAN = "rad"
    METRE = "m"
    NORMALISED = "normalised"


class CommandInterface(Enum):
    """Message that the robot takes its joint commands in."""

    JOINT_TRAJECTORY = "joint_trajectory"
    FORWARD_COMMAND = "forward_command"
    JOINT_STATE = "joint_state"


class ImageMessage(Enum):
    """Message that a camera's images come in."""

    IMAGE = "Image"
    COMPRESSED_IMAGE = "CompressedImage"


@dataclass(frozen=True)
class JointDescription:
    """One joint, in its own unit; URDF position = scale * position + offset.

    Attributes:
        group: the group that it belongs to.
        urdf_joint: the joint of the URDF that it moves.
        lower, upper: operating limits of the position [unit].
        velocity, acceleration, jerk: operating limits, symmetric [unit/s, unit/s^2, unit/s^3].
        per_radian: so much of its unit is 1 rad; of a joint that slides, `METRES_PER_RADIAN`.
            Thresholds that are given in rad are held against positions times this.
    """

    name: str
    group: str
    unit: Unit
    urdf_joint: str
    scale: float
    offset: float
    lower: float
    upper: float
    velocity: float
    acceleration: float
    jerk: float
    per_radian: float = 1.0


@dataclass(frozen=True, eq=False)
class EndEffector:
    """A hand: where its wrist and grasp are, what moves it, what open and closed mean.

    Attributes:
        wrist_frame: frame whose pose is part of the policy's state.
        grasp_frame: centre of what the hand holds.
        hand_open, hand_closed: `(n,)` positions of the hand group's joints, read-only [unit].
    """

    name: str
    wrist_frame: str
    grasp_frame: str
    arm_group: str
    hand_group: str
    hand_open: np.ndarray
    hand_closed: np.ndarray

    def fingers(self, closed: float | np.ndarray) -> np.ndarray:
        """`(..., n)` positions of the hand group's joints, `(...)` closed from 0 to 1."""
        share = np.clip(closed, 0.0, 1.0)[..., None]
        return self.hand_open + share * (self.hand_closed - self.hand_open)

    def closed(self, fingers: np.ndarray) -> np.ndarray:
        """`(...)` how far fingers `(..., n)` are closed, 0 to 1: the nearest on the way there."""
        span = self.hand_closed - self.hand_open
        return np.clip((fingers - self.hand_open) @ span / (span @ span), 0.0, 1.0)


@dataclass(frozen=True)
class CameraDescription:
    """A camera's topics and what is expected on them [pixels].

    Attributes:
        info_topic: its CameraInfo, or None.
        depth_topic: depth along its optical axis, registered to its pictures, as an Image (REP 118:
            16UC1 in mm or 32FC1 in m), or None.
        frame: its optical frame (z forward, x right): a link of the URDF, or with `pose_in_base`
            one of its own; None when nobody knows where it is.
        encoding: of an Image, or the format of a CompressedImage.
        pixels_as: encoding that its pixels are read as where messages say `8UC3`; else empty.
        simulated_width, simulated_height: size that the simulation renders.
        pose_in_base: of a camera that is not on the robot: x, y, z [m] and unit quaternion x, y, z,
            w of its frame in the base frame; None: it is on the robot, or nobody knows.
    """

    name: str
    topic: str
    message: ImageMessage
    info_topic: str | None
    frame: str | None
    width: int
    height: int
    encoding: str
    simulated_width: int
    simulated_height: int
    pose_in_base: tuple[float, ...] | None = None
    pixels_as: str = ""
    depth_topic: str | None = None

    def size(self, simulated: bool) -> tuple[int, int]:
        """Height and width of its pictures [pixels]."""
        if simulated:
            return self.simulated_height, self.simulated_width
        return self.height, self.width


@dataclass(frozen=True)
class ControllerDescription:
    """A controller of the robot.

    Attributes:
        topic: where it takes commands.
        joint_names: what it moves, in their order there.
        interface: the message that it takes.
    """

    topic: str
    joint_names: tuple[str, ...]
    interface: CommandInterface


@dataclass(frozen=True)
class CommandDescription:
    """Where and how commands go to the robot.

    Attributes:
        controllers: at least one, each with a topic of its own; together they move every joint
            once. Who publishes one of their topics commands the robot.
        rate_hz: commands a second [Hz].
    """

    controllers: tuple[ControllerDescription, ...]
    rate_hz: float


@dataclass(frozen=True)
class RecordingDescription:
    """Where recordings of the robot have what is not on its own topics.

    Attributes:
        command_topic: JointState with the joint targets that were asked for; None: the recording
            has the robot's own commands.
        cameras: key of each camera in a LeRobot data set, e.g. `observation.images.cam_high`.
        state, action: columns of a data set that make up the measured joints, and the commanded
            ones, in the order in which they are joined; none: `observation.state`, `action`.
        names: of a column's numbers, where the data set's own are none, or not the robot's.
        ignore: names of numbers that are no joints.
    """

    command_topic: str | None = None
    cameras: Mapping[str, str] = field(default_factory=dict)
    state: tuple[str, ...] = ()
    action: tuple[str, ...] = ()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class RobotDescription:
    """A robot, checked against its URDF.

    Attributes:
        source: the YAML it was read from.
        base_link: root of the URDF; poses are expressed in it.
        joints: in canonical order.
        groups: joint names by group, in canonical order.
        fixed_joints: where the URDF's other joints stand [rad] or [m].
        joint_states_topics: on which its joints are told, each message all of them or some.
        ready_pose: `(dof,)` positions in canonical order, read-only [unit].
        safety_file: YAML of its safety description, or None.
        recording: what recordings of it call things.
    """

    name: str
    source: Path
    urdf: Urdf
    base_link: str
    joints: tuple[JointDescription, ...]
    groups: Mapping[str, tuple[str, ...]]
    fixed_joints: Mapping[str, float]
    end_effectors: Mapping[str, EndEffector]
    cameras: Mapping[str, CameraDescription]
    joint_states_topics: tuple[str, ...]
    command: CommandDescription
    ready_pose: np.ndarray
    safety_file: Path | None
    recording: RecordingDescription = RecordingDescription()

    @property
    def per_radian(self) -> np.ndarray:
        """`(dof,)` how much of each joint's unit is 1 rad."""
        return np.array([joint.per_radian for joint in self.joints])

    @property
    def joint_states_topic(self) -> str:
        """The first of them, on which a simulation or a bag made of a data set tells all joints."""
        return self.joint_states_topics[0]

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names in canonical order."""
        return tuple(joint.name for joint in self.joints)
