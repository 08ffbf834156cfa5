"""The robot as it is foreseen, as lines in the picture of a camera."""

from __future__ import annotations

import numpy as np

from vla_core.contract.specification import CameraSpec
from vla_core.robot.bones import Bones
from vla_core.robot.model import RobotModel
from vla_core.types import Observation

#: What is nearer to the camera than this is not drawn [m]; nor what lies this far outside its
#: picture [widths or heights].
_NEAREST, _OUTSIDE = 0.05, 2.0


def projection(seen: Observation, camera: CameraSpec) -> np.ndarray:
    """`(3, 4)` from a point of the base frame to x z, y z and z of a camera's picture.

    x and y are shares of its width and height, z is the distance along the optical axis [m].

    Args:
        seen: an observation with the camera's geometry.
    """
    shares = seen.intrinsics[camera.name].astype(np.float64)
    shares[:2, 2] += 0.5  # pixels' centres are whole numbers
    shares[:2] /= [[camera.width], [camera.height]]
    return shares @ np.linalg.inv(seen.camera_poses[camera.name])[:3]


class Ghost:
    """A robot's bones, seen by cameras.

    Args:
        robot: whose.
    """

    def __init__(self, robot: RobotModel) -> None:
        self._bones = Bones(robot)

    def lines(self, position: np.ndarray, projection: np.ndarray) -> np.ndarray:
        """`(n, 2, 2)` ends of those bones that a camera sees, as shares of its picture.

        Args:
            position: `(dof,)`.
            projection: `(3, 4)`, as the function of this name gives it.
        """
        ends = self._bones.lines(position) @ projection[:, :3].T + projection[:, 3]
        ends = ends[(ends[..., 2] > _NEAREST).all(axis=1)]
        shares = ends[..., :2] / ends[..., 2:]
        return shares[(np.abs(shares - 0.5) < _OUTSIDE).all(axis=(1, 2))]
