"""A robot's joints in canonical order, their limits, and forward kinematics of its wrists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pinocchio as pin

from vla_core.errors import JointMismatchError
from vla_core.robot.description import CameraDescription, EndEffector, RobotDescription
from vla_core.robot.joint_limits import JointLimits
from vla_core.robot.load import load_robot


class RobotModel:
    """A robot description with index maps and kinematics.

    Joint vectors are `(dof,)` in canonical order, in the units of the robot's YAML. Arrays that
    it hands out as attributes are read-only. Not safe to share between threads: kinematics
    reuses one buffer.

    Args:
        description: from `vla_core.robot.load.load_robot`.

    Attributes:
        name, joint_names, end_effectors, cameras: as in the description.
        urdf: path of the URDF.
        dof: number of joints.
        limits: operating limits.
        ready_pose: `(dof,)`.
    """

    def __init__(self, description: RobotDescription) -> None:
        self.description = description
        self.name = description.name
        self.urdf: Path = description.urdf.path
        self.joint_names = description.joint_names
        self.dof = len(self.joint_names)
        self.end_effectors: Mapping[str, EndEffector] = description.end_effectors
        self.cameras: Mapping[str, CameraDescription] = description.cameras
        self.limits = JointLimits(
            self.joint_names,
            *(
                self._per_joint(key)
                for key in ("lower", "upper", "velocity", "acceleration", "jerk", "per_radian")
            ),
        )
        self.ready_pose = _frozen(description.ready_pose)
        self._scale, self._offset = self._per_joint("scale"), self._per_joint("offset")
        self._index = MappingProxyType({name: i for i, name in enumerate(self.joint_names)})
        self._model: pin.Model = pin.buildModelFromUrdf(str(self.urdf))
        self._data = self._model.createData()
        self._mover, self._mover_scale, self._mover_offset = self._pinocchio_layout()
        self._wrist_frames = [
            self._model.getFrameId(end_effector.wrist_frame)
            for end_effector in self.end_effectors.values()
        ]

    @classmethod
    def load(cls, name: str | Path) -> RobotModel:
        """Load a robot by its name under `config/robots`, or from the path of a YAML.

        Raises:
            ConfigError, RobotDescriptionError: no such robot, or it contradicts itself.
        """
        return cls(load_robot(name))

    def index(self, joint_name: str) -> int:
        """Place of a joint in the canonical order.

        Raises:
            JointMismatchError: the robot has no such joint.
        """
        if joint_name not in self._index:
            raise JointMismatchError(f"robot {self.name}", (), (joint_name,))
        return self._index[joint_name]

    def group_indices(self, group: str) -> np.ndarray:
        """`(n,)` places of a group's joints in the canonical order."""
        return np.array([self._index[name] for name in self.description.groups[group]])

    def canonical_indices(self, names: Sequence[str], where: str = "joint values") -> np.ndarray:
        """`(dof,)` indices such that `values[indices]` is in canonical order.

        Look them up once for a stream whose names do not change.

        Args:
            names: names in the order of the values; every joint of the robot exactly once.
            where: what carried the names, for the message.

        Raises:
            JointMismatchError: joints are missing, unknown, or named twice.
        """
        places = {name: place for place, name in enumerate(names)}
        missing = [name for name in self.joint_names if name not in places]
        unknown = [name for name in names if name not in self._index]
        if missing or unknown:
            raise JointMismatchError(where, missing, unknown)
        if len(places) != len(names):
            repeated = sorted({name for name in names if list(names).count(name) > 1})
            raise JointMismatchError(f"{where} (named twice)", (), repeated)
        return np.array([places[name] for name in self.joint_names])

    def to_canonical(
        self, names: Sequence[str], values: np.ndarray, where: str = "joint values"
    ) -> np.ndarray:
        """Re-order values by name.

        Args:
            names: as for `canonical_indices`.
            values: `(..., dof)` in the order of the names.

        Returns:
            `(..., dof)` in canonical order.

        Raises:
            JointMismatchError: joints are missing, unknown, or named twice.
        """
        return np.asarray(values)[..., self.canonical_indices(names, where)]

    def to_urdf(self, position: np.ndarray) -> np.ndarray:
        """`(..., dof)` positions from the YAML's units to the URDF's [rad] or [m]."""
        return np.asarray(position, dtype=np.float64) * self._scale + self._offset

    def from_urdf(self, position: np.ndarray) -> np.ndarray:
        """Inverse of `to_urdf`."""
        return (np.asarray(position, dtype=np.float64) - self._offset) / self._scale

    def pinocchio_position(self, position: np.ndarray) -> np.ndarray:
        """`(..., nq)` configurations of the whole URDF for Pinocchio, fixed joints included [rad].

        Args:
            position: `(..., dof)` in canonical order.
        """
        return np.take(position, self._mover, axis=-1) * self._mover_scale + self._mover_offset

    def wrist_poses(self, position: np.ndarray) -> np.ndarray:
        """Poses of the wrists in the base frame.

        The rotation is given by the first two columns of its matrix, which is continuous
        (Zhou et al. 2019, "On the Continuity of Rotation Representations in Neural Networks").

        Args:
            position: `(dof,)`.

        Returns:
            `(9 * end effectors,)` float64: for each in the YAML's order x, y, z [m], then the
            first and the second column of the rotation matrix.
        """
        pin.forwardKinematics(self._model, self._data, self.pinocchio_position(position))
        parts = [np.empty(0)]  # of a robot without end effectors, nothing more
        for frame in self._wrist_frames:
            pose = pin.updateFramePlacement(self._model, self._data, frame)
            parts += [pose.translation, pose.rotation[:, 0], pose.rotation[:, 1]]
        return np.concatenate(parts)

    def has_frame(self, name: str) -> bool:
        """Whether the URDF has a link or frame of that name."""
        return self._model.existFrame(name)

    def frame_pose(self, name: str, position: np.ndarray) -> pin.SE3:
        """A frame of the URDF in the base frame at `(dof,)` joint positions."""
        pin.forwardKinematics(self._model, self._data, self.pinocchio_position(position))
        frame = self._model.getFrameId(name)
        return pin.updateFramePlacement(self._model, self._data, frame).copy()

    def state_vector(self, position: np.ndarray) -> np.ndarray:
        """Proprioception of a policy: `(dof + 9 * end effectors,)`, joints then wrist poses."""
        return np.concatenate([np.asarray(position, dtype=np.float64), self.wrist_poses(position)])

    @property
    def state_size(self) -> int:
        """Length of `state_vector`."""
        return self.dof + 9 * len(self.end_effectors)

    def _per_joint(self, key: str) -> np.ndarray:
        return _frozen([getattr(joint, key) for joint in self.description.joints])

    def _pinocchio_layout(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which canonical joint each joint of a configuration is, its scale and its offset.

        A fixed joint is any joint with a scale of zero.
        """
        mover = np.zeros(self._model.nq, dtype=int)
        scale, offset = np.zeros(self._model.nq), np.zeros(self._model.nq)
        index = {
            name: self._model.joints[self._model.getJointId(name)].idx_q
            for name in self._model.names[1:]
        }
        for name, position in self.description.fixed_joints.items():
            offset[index[name]] = position
        moved = [index[joint.urdf_joint] for joint in self.description.joints]
        mover[moved], scale[moved], offset[moved] = range(self.dof), self._scale, self._offset
        return mover, scale, offset


def _frozen(values: Sequence[float]) -> np.ndarray:
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array
