"""Where a robot's cameras are."""

from __future__ import annotations

import numpy as np
import pinocchio as pin

from vla_core.errors import ObservationError
from vla_core.robot.model import RobotModel


class CameraPoses:
    """Poses of optical frames (z forward, x right) in the base frame.

    Args:
        robot: whose cameras they are.
    """

    def __init__(self, robot: RobotModel) -> None:
        self._robot = robot
        self._fixed = {
            name: pin.XYZQUATToSE3(np.array(camera.pose_in_base)).homogeneous
            for name, camera in robot.cameras.items()
            if camera.pose_in_base is not None
        }

    def pose(self, camera: str, position: np.ndarray) -> np.ndarray:
        """`(4, 4)` at `(dof,)` joint positions.

        Raises:
            ObservationError: nobody knows where that camera is.
        """
        if camera in self._fixed:
            return self._fixed[camera]
        frame = self._robot.cameras[camera].frame
        if frame is None:
            raise ObservationError(
                f"camera {camera!r} of robot {self._robot.name!r} has no frame; name its link in the "
                "robot's YAML, or give pose_in_base"
            )
        return self._robot.frame_pose(frame, position).homogeneous
