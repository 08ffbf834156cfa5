"""What a robot's cameras and joints send, to Observations: checked, aligned, at a rate.

The camera node feeds it with live messages, an offline replay with those of a bag: what a policy
sees is made by the same code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import CameraSpec
from vla_core.errors import ObservationError
from vla_core.observation.alignment import Drop, ObservationAligner
from vla_core.observation.depth import resized_intrinsics
from vla_core.observation.image_check import ImageCheck, ImageLimits
from vla_core.observation.pacing import StampPacer
from vla_core.robot.description import CameraDescription
from vla_core.types import NANOSECONDS, Observation

if TYPE_CHECKING:
    from vla_core.robot.camera_poses import CameraPoses


def cameras_of(
    cameras: Mapping[str, CameraDescription], policy: PolicyManifest
) -> tuple[CameraDescription, ...]:
    """The robot's cameras that a policy needs, in the policy's order.

    Raises:
        ObservationError: the robot lacks one, or the depth or geometry that is asked of it.
    """
    for spec in policy.observation.cameras:
        if spec.name not in cameras:
            raise ObservationError(
                f"policy {policy.name!r} needs camera {spec.name!r}, the robot has "
                f"{', '.join(cameras) or 'none'}"
            )
        camera = cameras[spec.name]
        if spec.depth and camera.depth_topic is None:
            raise ObservationError(
                f"policy {policy.name!r} needs the depth of camera {spec.name!r}, whose YAML names no "
                "depth_topic"
            )
        if spec.geometry and (camera.info_topic is None or camera.frame is None):
            raise ObservationError(
                f"policy {policy.name!r} needs to know where camera {spec.name!r} is and what it "
                "sees; its YAML lacks info_topic or frame"
            )
    return tuple(cameras[spec.name] for spec in policy.observation.cameras)


class ObservationBuilder:
    """Refuses what is wrong, aligns the rest.

    Args:
        cameras: pictures that observations carry; the first one sets the pace.
        joint_names: canonical order.
        rate_hz: highest rate of observations [Hz].
        max_skew_s: largest difference of stamps in one observation [s].
        future_s: how far stamps may lie ahead of now [s].
        limits: what a good picture keeps to.
        per_radian: `(dof,)` so much of a joint's unit is 1 rad, for the limits in rad; None: 1.
        poses: where cameras are; needed where a policy wants their geometry.

    Attributes:
        clock_set_back: how often now was before an earlier now.
    """

    def __init__(
        self,
        cameras: Sequence[CameraSpec],
        joint_names: Sequence[str],
        rate_hz: float,
        max_skew_s: float = 0.05,
        future_s: float = 0.2,
        limits: ImageLimits = ImageLimits(),
        per_radian: np.ndarray | None = None,
        poses: CameraPoses | None = None,
    ) -> None:
        self._sizes = {spec.name: (spec.height, spec.width) for spec in cameras}
        self._aligner = ObservationAligner(
            self._sizes,
            joint_names,
            max_skew_s,
            depths=[spec.name for spec in cameras if spec.depth],
        )
        self._placed = [spec.name for spec in cameras if spec.geometry]
        self._poses = poses
        self._intrinsics: dict[str, np.ndarray] = {}
        self._checks = {spec.name: ImageCheck(limits) for spec in cameras}
        self._limits = limits
        self._per_radian = np.ones(len(joint_names)) if per_radian is None else per_radian
        self._pacer = StampPacer(rate_hz)
        self._future_s = future_s
        self._now_ns = 0
        self.clock_set_back = 0

    @property
    def drops(self) -> Counter[str]:
        """`{reason: how often}`; reasons are the values of `vla_core.observation.alignment.Drop`."""
        return self._aligner.drops

    @property
    def position(self) -> np.ndarray | None:
        """`(dof,)` newest joint positions in canonical order [rad]; None before the first."""
        return self._aligner.position

    def lacking(self, now_ns: int) -> str:
        """Which joints keep the joint states from being whole, and how old they are; "" if none."""
        return self._aligner.lacking(now_ns)

    @property
    def last_drop(self) -> str:
        """The newest drop, for a person."""
        return self._aligner.last_drop

    def image(
        self, camera: str, pixels: np.ndarray, stamp_ns: int, now_ns: int
    ) -> list[Observation]:
        """Take a picture `(height, width, 3)` uint8 RGB.

        Returns:
            Observations that it completes and whose turn it is, oldest first.

        Raises:
            ObservationError: it is black, even or frozen, or from the future.
        """
        self._check_stamp(stamp_ns, now_ns)
        position = self._aligner.position_at(stamp_ns)
        angles = None if position is None else position / self._per_radian
        if problem := self._checks[camera].problem(pixels, angles):
            raise ObservationError(f"camera {camera!r}: {problem}")
        return self._due(self._aligner.push_image(camera, pixels, stamp_ns))

    def depth(
        self, camera: str, depth: np.ndarray, stamp_ns: int, now_ns: int
    ) -> list[Observation]:
        """Take a camera's depth, `(height, width)` float32 [m]; returns and errors as `image`."""
        self._check_stamp(stamp_ns, now_ns)
        return self._due(self._aligner.push_depth(camera, depth, stamp_ns))

    def intrinsics(self, camera: str, matrix: np.ndarray, size: tuple[int, int]) -> None:
        """Take a camera's `(3, 3)` pinhole matrix, of pictures of a height and width [pixels].

        Raises:
            ObservationError: it is none.
        """
        self._intrinsics[camera] = resized_intrinsics(matrix, size, self._sizes[camera])

    def joint_state(
        self,
        names: Sequence[str],
        position: np.ndarray,
        velocity: np.ndarray,
        stamp_ns: int,
        now_ns: int,
    ) -> list[Observation]:
        """Take a message of joint states, which may hold some of the robot's joints.

        Args:
            names, position, velocity, stamp_ns: as for `JointStates.take`.

        Returns:
            Observations that it completes and whose turn it is, oldest first.

        Raises:
            ObservationError: it is not finite, of another length, without a stamp, or from the
                future.
        """
        self._check_stamp(stamp_ns, now_ns)
        wrong = self.drops[Drop.WRONG_JOINT_STATE.value]
        observations = self._aligner.push_joint_state(names, position, velocity, stamp_ns)
        if self.drops[Drop.WRONG_JOINT_STATE.value] > wrong:
            raise ObservationError(self.last_drop)
        return self._due(observations)

    def _check_stamp(self, stamp_ns: int, now_ns: int) -> None:
        """Refuse what has no stamp, and the future: what comes after would look out of order."""
        if stamp_ns <= 0:
            raise ObservationError(
                "its stamp is empty (0): whoever publishes it has to set header.stamp to the time "
                "of the measurement"
            )
        if now_ns < self._now_ns:  # the clock was set back: what came before means nothing now
            self.clock_set_back += 1
            self._aligner.restart()
            self._checks = {camera: ImageCheck(self._limits) for camera in self._checks}
        self._now_ns = now_ns
        ahead_s = (stamp_ns - now_ns) / NANOSECONDS
        if ahead_s > self._future_s:
            raise ObservationError(f"stamp is {ahead_s:.3f} s in the future; check the clocks")

    def _due(self, observations: list[Observation]) -> list[Observation]:
        placed = [self._with_geometry(seen) for seen in observations] if self._placed else observations
        return [seen for seen in placed if seen is not None and self._pacer.due(seen.stamp_ns)]

    def _with_geometry(self, seen: Observation) -> Observation | None:
        """With intrinsics and poses of the cameras that a policy wants them of, or a drop."""
        if missing := [camera for camera in self._placed if camera not in self._intrinsics]:
            self._aligner.drop(
                Drop.MISSING_INTRINSICS, f"no CameraInfo of {', '.join(missing)} has come"
            )
            return None
        return replace(
            seen,
            intrinsics={camera: self._intrinsics[camera] for camera in self._placed},
            camera_poses={
                camera: self._poses.pose(camera, seen.position) for camera in self._placed
            },
        )
