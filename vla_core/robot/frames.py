"""Where a robot's frames are in each other, from the same URDF and joints as the safety filter's.

Names and axes are those of REP-103 and REP-105: metres, radians, x forward and z up; a camera's
optical frame has z forward and x right, and ends in `_optical_frame`; the robot's root is
`base_link`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pinocchio as pin

from vla_core.robot.description import ROOT_FRAME
from vla_core.robot.model import RobotModel

_IDENTITY = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


class FrameTransform(NamedTuple):
    """Where a frame is in its parent.

    Attributes:
        translation: `(3,)` x, y, z [m].
        rotation: `(4,)` unit quaternion x, y, z, w.
    """

    parent: str
    child: str
    translation: np.ndarray
    rotation: np.ndarray


class _Moved(NamedTuple):
    """A link that a joint of the robot moves.

    Attributes:
        joint: its index in Pinocchio's model.
        place: of the joint in the canonical order.
        to_parent: from the joint before to the parent link.
    """

    parent: str
    child: str
    joint: int
    place: int
    to_parent: pin.SE3


class RobotFrames:
    """The tree of a robot's frames. Not safe to share between threads: it reuses one buffer.

    Args:
        robot: whose URDF, joints, fixed joints and cameras.

    Attributes:
        fixed: transforms that never change: fixed joints of the URDF, joints that stand where
            `fixed_joints` says, cameras that stand where `pose_in_base` says, and the URDF's root
            in `base_link`.
        moved_places: `(n,)` places in the canonical order of the joints behind `moved`, in its
            order.
    """

    def __init__(self, robot: RobotModel) -> None:
        self._robot = robot
        self._model: pin.Model = pin.buildModelFromUrdf(str(robot.urdf))
        self._data = self._model.createData()
        self._moved: list[_Moved] = []
        self.fixed: tuple[FrameTransform, ...] = (*self._links(), *self._others())
        self.moved_places = np.array([moved.place for moved in self._moved], dtype=int)

    def moved(self, position: np.ndarray) -> list[FrameTransform]:
        """Transforms of the links that joints move.

        Args:
            position: `(dof,)` in canonical order, in the units of the robot's YAML.
        """
        self._update(position)
        return [
            _transform(moved.parent, moved.child, moved.to_parent * self._data.liMi[moved.joint])
            for moved in self._moved
        ]

    def _update(self, position: np.ndarray) -> None:
        q = self._robot.pinocchio_position(np.asarray(position, dtype=np.float64))
        pin.forwardKinematics(self._model, self._data, q)

    def _links(self) -> list[FrameTransform]:
        """Links that never move in their parent; those that do are kept."""
        self._update(self._robot.ready_pose)
        places = {j.urdf_joint: i for i, j in enumerate(self._robot.description.joints)}
        frames = self._model.frames
        fixed = []
        for frame in frames:
            if frame.type != pin.FrameType.BODY or frames[frame.parentFrame].name == "universe":
                continue
            joint = frames[frame.parentFrame]
            parent = frames[joint.parentFrame]
            place = places.get(joint.name)
            if place is not None:
                to_parent = parent.placement.inverse()
                self._moved.append(
                    _Moved(parent.name, frame.name, joint.parentJoint, place, to_parent)
                )
            elif joint.type == pin.FrameType.JOINT:  # it stands where `fixed_joints` says
                pose = parent.placement.inverse() * self._data.liMi[joint.parentJoint]
                fixed.append(_transform(parent.name, frame.name, pose * frame.placement))
            else:
                pose = parent.placement.inverse() * frame.placement
                fixed.append(_transform(parent.name, frame.name, pose))
        return fixed

    def _others(self) -> list[FrameTransform]:
        """Cameras beside the robot, and the robot's root."""
        description = self._robot.description
        found = [
            _from_pose(description.base_link, camera.frame, camera.pose_in_base)
            for camera in description.cameras.values()
            if camera.pose_in_base is not None
        ]
        root = self._model.frames[1].name
        if ROOT_FRAME not in description.urdf.links:
            found.append(_from_pose(ROOT_FRAME, root, _IDENTITY))
        return found


def _from_pose(parent: str, child: str, pose: Sequence[float]) -> FrameTransform:
    return FrameTransform(parent, child, np.array(pose[:3]), np.array(pose[3:]))


def _transform(parent: str, child: str, pose: pin.SE3) -> FrameTransform:
    rotation = pin.Quaternion(pose.rotation)
    rotation.normalize()
    return FrameTransform(parent, child, pose.translation.copy(), rotation.coeffs().copy())
