"""What a policy wants to see, and what its numbers mean: parts of its manifest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


@dataclass(frozen=True)
class CameraSpec:
    """A camera as the policy sees it, after resizing [pixels].

    Attributes:
        depth: whether it wants depth with the picture.
        geometry: whether it wants intrinsics and the camera's pose.
    """

    name: str
    height: int
    width: int
    depth: bool = False
    geometry: bool = False


@dataclass(frozen=True)
class ObservationSpec:
    """What a policy is shown.

    Attributes:
        cameras: views that it needs, in order; the first one sets the pace.
        history_s: past moments that it wants an observation of, as ages before now, longest
            first [s].
        executed_steps: how many past steps of what was executed it wants to know.
    """

    cameras: tuple[CameraSpec, ...]
    history_s: tuple[float, ...] = ()
    executed_steps: int = 0

    def __post_init__(self) -> None:
        ages = list(self.history_s)
        if ages != sorted(set(ages), reverse=True) or min(ages, default=1.0) <= 0.0:
            raise ValueError(
                f"history_s: got {ages}, expected ages above 0, each once, longest first"
            )
        if self.executed_steps < 0:
            raise ValueError(f"executed_steps: got {self.executed_steps}, expected 0 or more")

    @property
    def depths(self) -> tuple[str, ...]:
        """Cameras whose depth is wanted."""
        return tuple(camera.name for camera in self.cameras if camera.depth)

    @classmethod
    def of(cls, raw: dict[str, Any]) -> ObservationSpec:
        """From the manifest's JSON; raises TypeError or ValueError for what it is not."""
        cameras = tuple(CameraSpec(**camera) for camera in raw["cameras"])
        return cls(**{**raw, "cameras": cameras, "history_s": tuple(raw.get("history_s", ()))})


#: `ActionSpec.frame` of what is told in the hand's own axes.
TOOL = "tool"


class ActionSpace(Enum):
    """What an action places."""

    JOINT = "joint"
    """Joints, in the units of the robot's YAML."""
    END_EFFECTOR = "end_effector"
    """Hands: for each, position [m], rotation, and how far it is closed."""


class Reference(Enum):
    """What an action is relative to."""

    ABSOLUTE = "absolute"
    CHUNK_START = "chunk_start"
    """The state at the observation that the chunk was computed from."""
    PREVIOUS_STEP = "previous_step"
    """The action before; the first one, the state at the observation."""


class Rotation(Enum):
    """How a rotation is written."""

    QUATERNION_XYZW = "quaternion_xyzw"
    QUATERNION_WXYZ = "quaternion_wxyz"
    AXIS_ANGLE = "axis_angle"
    """Rotation vector [rad]."""
    SIX_D = "six_d"
    """The first two columns of the matrix, one after the other (Zhou et al. 2019, section 4.2)."""
    EULER_XYZ = "euler_xyz"
    """Roll, pitch, yaw about the fixed x, y and z axes [rad]."""

    @property
    def size(self) -> int:
        """Numbers that it takes."""
        return {"axis_angle": 3, "euler_xyz": 3, "six_d": 6}.get(self.value, 4)


@dataclass(frozen=True)
class ActionSpec:
    """What the numbers of a policy's actions mean.

    A relative joint is a difference; a relative hand is a translation along the frame's axes and a
    rotation about them, both from where it is relative to.

    Attributes:
        space: what they place.
        reference: what they are relative to; a gripper is always absolute.
        names: joints, or end effectors, in the order of the numbers; empty: all that there are.
        frame: link of the robot that hands are told in, where it is at the observation; empty: the
            base; `tool`: each hand's own, for relative ones.
        rotation: how a hand's rotation is written.
        gripper: the numbers of an open and of a closed hand; None: hands are not told, and stay.
    """

    space: ActionSpace = ActionSpace.JOINT
    reference: Reference = Reference.ABSOLUTE
    names: tuple[str, ...] = ()
    frame: str = ""
    rotation: Rotation = Rotation.QUATERNION_XYZW
    gripper: tuple[float, float] | None = None

    @classmethod
    def of(cls, raw: dict[str, Any]) -> ActionSpec:
        """From the manifest's JSON; raises TypeError or ValueError for what it is not."""
        kinds = {"space": ActionSpace, "reference": Reference, "rotation": Rotation}
        read = {key: kinds[key](value) if key in kinds else value for key, value in raw.items()}
        for key in ("names", "gripper"):
            if read.get(key) is not None:
                read[key] = tuple(read[key])
        spec = cls(**read)
        return spec

    def __post_init__(self) -> None:
        if self.gripper is not None and len(set(self.gripper)) != 2:
            raise ValueError(f"gripper: got {self.gripper}, expected the open and the closed number")
        if self.space is ActionSpace.JOINT and (self.frame or self.gripper is not None):
            raise ValueError("frame and gripper are of end effectors; joints have none")
        if self.frame == TOOL and self.reference is Reference.ABSOLUTE:
            raise ValueError(f"frame: {TOOL!r} is where the hand is: an absolute pose there says nothing")
