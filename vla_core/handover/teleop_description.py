"""What an operator moves a robot with: devices, their topics, and how they map to its joints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from vla_core.handover.settings import HandoverSettings


class TwistAxis(Enum):
    """Along and about which axis of the base frame a hand is moved."""

    X = "x"
    Y = "y"
    Z = "z"
    ROLL = "roll"
    PITCH = "pitch"
    YAW = "yaw"


@dataclass(frozen=True)
class DeadmanInput:
    """The deadman's topic and button.

    Attributes:
        topic: `sensor_msgs/Joy`, or `std_msgs/Bool` where there is no button.
        button: its number in the Joy; None: the topic is a Bool.
    """

    topic: str
    button: int | None


@dataclass(frozen=True)
class LeaderJoint:
    """Robot's joint = scale * leader's joint + offset; a negative scale turns its direction."""

    joint: str
    leader: str
    scale: float
    offset: float


@dataclass(frozen=True)
class LeaderGripper:
    """A leader's joint that opens and closes a hand, and where it stands then."""

    side: str
    leader: str
    open: float
    closed: float


@dataclass(frozen=True)
class LeaderInput:
    """Leader arms, which send `sensor_msgs/JointState`."""

    topic: str
    joints: tuple[LeaderJoint, ...]
    grippers: tuple[LeaderGripper, ...]


class PoseMeaning(Enum):
    """What the pose of a tracked device is to the hand."""

    RELATIVE = "relative"
    """The hand moves as the device does, from where both were when the deadman was pressed."""

    ABSOLUTE = "absolute"
    """The hand goes to where the device is in the base frame."""


@dataclass(frozen=True, eq=False)
class PoseInput:
    """A tracked hand, which sends `geometry_msgs/PoseStamped`.

    Attributes:
        scale: of a relative device's way.
        rotation: `(3, 3)` from the device's frame to the base frame.
    """

    topic: str
    meaning: PoseMeaning
    scale: float
    rotation: np.ndarray


@dataclass(frozen=True)
class TwistInput:
    """A joystick, `sensor_msgs/Joy`: speed of the hand at full deflection of each axis.

    Attributes:
        axes: for an axis of the hand the number of the Joy's, and the speed [m/s] or [rad/s].
    """

    topic: str
    axes: Mapping[TwistAxis, tuple[int, float]]


@dataclass(frozen=True)
class GripperAxis:
    """An axis of a `sensor_msgs/Joy` that opens and closes a hand, and where it stands then."""

    topic: str
    axis: int
    open: float
    closed: float


@dataclass(frozen=True)
class HandInput:
    """How one hand is moved by its pose; the joints of its arm are found (Pink)."""

    side: str
    target: PoseInput | TwistInput
    gripper: GripperAxis | None


@dataclass(frozen=True)
class TeleopDescription:
    """A teleoperation's YAML, checked against the robot.

    Attributes:
        name: of the file.
        deadman: what has to be held.
        leader: None where there are no leader arms.
        hands: by the side that they move.
        handover: takeover and return.
    """

    name: str
    deadman: DeadmanInput
    leader: LeaderInput | None
    hands: tuple[HandInput, ...]
    handover: HandoverSettings
