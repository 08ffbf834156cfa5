"""ROS images to RGB arrays, with OpenCV on the raw bytes.

A message is anything with the fields of `sensor_msgs/Image` or `CompressedImage`: one that came
over the middleware, or one that was read from a bag.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from vla_core.errors import ObservationError
from vla_core.robot.description import CameraDescription, ImageMessage

#: encoding -> (channels in memory, conversion to RGB or None where it is RGB already)
_ENCODINGS: dict[str, tuple[int, int | None]] = {
    "rgb8": (3, None),
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
    "yuv422": (2, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": (2, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": (2, cv2.COLOR_YUV2RGB_YUY2),
    "yuyv": (2, cv2.COLOR_YUV2RGB_YUY2),
    "bayer_rggb8": (1, cv2.COLOR_BayerRGGB2RGB),
    "bayer_bggr8": (1, cv2.COLOR_BayerBGGR2RGB),
    "bayer_gbrg8": (1, cv2.COLOR_BayerGBRG2RGB),
    "bayer_grbg8": (1, cv2.COLOR_BayerGRBG2RGB),
}


def conversion_of(message: Any) -> tuple[int, int | None]:
    """Channels in memory and OpenCV's conversion to RGB (None: it is RGB) of a sound Image.

    Raises:
        ObservationError: an encoding that is no 8-bit picture, or data of the wrong length.
    """
    if message.encoding not in _ENCODINGS:
        raise ObservationError(
            f"image encoding {message.encoding!r} is not supported; "
            f"expected one of {', '.join(_ENCODINGS)}"
        )
    channels, conversion = _ENCODINGS[message.encoding]
    row = message.width * channels
    if message.step < row or len(message.data) != message.step * message.height or not row:
        raise ObservationError(
            f"{message.encoding} image {message.width}x{message.height}: got {len(message.data)} "
            f"bytes in rows of {message.step}, expected {message.height} rows of at least {row}"
        )
    return channels, conversion


def decode_image(message: Any) -> np.ndarray:
    """Pixels of an Image.

    Returns:
        `(height, width, 3)` uint8 RGB; a view of the message where it is rgb8 already.

    Raises:
        ObservationError: as `conversion_of`.
    """
    channels, conversion = conversion_of(message)
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    pixels = rows[:, : message.width * channels].reshape(message.height, message.width, channels)
    return pixels if conversion is None else cv2.cvtColor(pixels, conversion)


def decode_compressed_image(message: Any) -> np.ndarray:
    """Pixels of a JPEG or PNG.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        ObservationError: bytes that OpenCV cannot read, e.g. of a depth image.
    """
    data = np.frombuffer(message.data, np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if pixels is None or "compressedDepth" in message.format:
        raise ObservationError(
            f"compressed image of {data.size} bytes and format {message.format!r} cannot be "
            "decoded; expected JPEG or PNG in colour"
        )
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def checked_pixels(
    message: Any, camera: CameraDescription, size: tuple[int, int], decode=decode_image
) -> np.ndarray:
    """Pixels of a message that is what the robot's YAML says.

    Args:
        size: expected height and width.
        decode: gives the pixels of an Image.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        ObservationError: another encoding or size, or it cannot be decoded.
    """
    if camera.message is ImageMessage.COMPRESSED_IMAGE:
        pixels = decode_compressed_image(message)
    elif message.encoding != camera.encoding:
        raise ObservationError(
            f"camera {camera.name!r}: got encoding {message.encoding!r}, expected "
            f"{camera.encoding!r}; correct `cameras.{camera.name}.encoding` in the robot's YAML"
        )
    else:
        pixels = decode(message)
    if pixels.shape[:2] != size:
        raise ObservationError(
            f"camera {camera.name!r}: got {pixels.shape[1]}x{pixels.shape[0]} pixels, expected "
            f"{size[1]}x{size[0]}; correct the camera, or `cameras.{camera.name}` in the robot's "
            "YAML"
        )
    return pixels
