"""Observations to messages and back; each an inverse of the other."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

import numpy as np
from sensor_msgs.msg import Image

from vla_core.errors import ObservationError
from vla_core.observation.depth import decode_depth
from vla_core.types import Observation
from vla_msgs import msg
from vla_nodes.wire.byte_buffer import ByteBuffer, floats_field
from vla_nodes.wire.conversions import check_joint_order, require_finite, to_nanoseconds, to_time
from vla_nodes.wire.images import decode_image, fill_depth, fill_image


class ObservationWriter:
    """Turns observations into messages through image buffers that are kept.

    The message is the writer's own and is overwritten by the next call: publish it at once.

    Args:
        joint_names: the robot's joints in canonical order.
        frame_id: the robot's base frame.
        camera_frames: optical frame of each camera, where known.
    """

    def __init__(
        self, joint_names: Sequence[str], frame_id: str, camera_frames: dict[str, str]
    ) -> None:
        self._message = msg.Observation(joint_names=list(joint_names))
        self._message.header.frame_id = frame_id
        self._camera_frames = camera_frames
        self._buffers: dict[tuple[str, bool], ByteBuffer] = {}
        """By camera, and whether of its depth."""

    def write(self, observation: Observation) -> msg.Observation:
        """The message of `observation`."""
        message = self._message
        message.header.stamp = to_time(observation.stamp_ns)
        message.sequence = observation.sequence
        if message.camera_names != list(observation.images):
            message.camera_names = list(observation.images)
            message.images = [Image() for _ in observation.images]
        for image, (name, pixels) in zip(message.images, observation.images.items(), strict=True):
            image.header.stamp = message.header.stamp
            image.header.frame_id = self._camera_frames.get(name, name)
            fill_image(image, pixels, self._buffer(name, False))
        message.position = floats_field(observation.position)
        message.velocity = floats_field(observation.velocity)
        message.skew_s = float(observation.skew_s)
        self._write_depth(observation)
        message.placed_names = list(observation.intrinsics)
        message.intrinsics = _floats(observation.intrinsics)
        message.camera_poses = _floats(observation.camera_poses)
        return message

    def _write_depth(self, observation: Observation) -> None:
        message = self._message
        if message.depth_names != list(observation.depth):
            message.depth_names = list(observation.depth)
            message.depth = [Image() for _ in observation.depth]
        for image, (name, depth) in zip(message.depth, observation.depth.items(), strict=True):
            image.header.stamp = message.header.stamp
            image.header.frame_id = self._camera_frames.get(name, name)
            fill_depth(image, depth, self._buffer(name, True))

    def _buffer(self, camera: str, of_depth: bool) -> ByteBuffer:
        return self._buffers.setdefault((camera, of_depth), ByteBuffer())


def read_observation(message: msg.Observation, joint_names: Sequence[str]) -> Observation:
    """The observation of a message; its arrays are views of the message.

    Args:
        joint_names: the robot's joints in canonical order; the message must have the same.

    Raises:
        JointMismatchError: joints of another robot.
        ObservationError: another order or number of values, or images that cannot be read.
    """
    check_joint_order("observation", message.joint_names, joint_names)
    position, velocity = np.asarray(message.position), np.asarray(message.velocity)
    if not velocity.size:
        velocity = np.zeros_like(position)
    if not len(joint_names) == position.size == velocity.size:
        raise ObservationError(
            f"observation {message.sequence}: got {position.size} positions and {velocity.size} "
            f"velocities, expected {len(joint_names)} of each"
        )
    require_finite(f"observation {message.sequence}", position, velocity, message.skew_s)
    where, placed = f"observation {message.sequence}", message.placed_names
    _check_one_each(where, "images", message.camera_names, message.images)
    _check_one_each(where, "depth images", message.depth_names, message.depth)
    return Observation(
        stamp_ns=to_nanoseconds(message.header.stamp),
        sequence=message.sequence,
        images={
            name: decode_image(image)
            for name, image in zip(message.camera_names, message.images, strict=True)
        },
        position=position,
        velocity=velocity,
        skew_s=message.skew_s,
        depth={
            name: decode_depth(image)
            for name, image in zip(message.depth_names, message.depth, strict=True)
        },
        intrinsics=_matrices(where, "intrinsics", placed, message.intrinsics, 3),
        camera_poses=_matrices(where, "camera_poses", placed, message.camera_poses, 4),
    )


def _floats(matrices: Mapping[str, np.ndarray]) -> array:
    return floats_field(np.array(list(matrices.values())))


def _check_one_each(where: str, what: str, names: Sequence[str], parts: Sequence) -> None:
    if len(set(names)) != len(names):
        raise ObservationError(f"{where}: names a camera of its {what} twice")
    if len(names) != len(parts):
        raise ObservationError(f"{where}: got {len(parts)} {what} for {len(names)} camera names")


def _matrices(
    where: str, what: str, names: Sequence[str], numbers: Sequence[float], side: int
) -> dict[str, np.ndarray]:
    """`{camera: (side, side)}`."""
    expected = side * side * len(names)
    if len(set(names)) != len(names) or len(numbers) != expected:
        raise ObservationError(
            f"{where}: got {len(numbers)} numbers of {what} for {len(names)} camera names, expected "
            f"{side * side} each, and each name once"
        )
    values = np.asarray(numbers, np.float64)
    require_finite(where, values)
    return dict(zip(names, values.reshape(len(names), side, side), strict=True))
