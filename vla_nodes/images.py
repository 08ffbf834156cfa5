"""ROS images to RGB arrays: ROS 2's cv_bridge where it is installed, else OpenCV on the raw bytes.

The `cv-bridge` of PyPI is ROS 1's and corrupts data with numpy 2; only the ament index tells
that the real one is there.
"""

from __future__ import annotations

import cv2
import numpy as np
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from sensor_msgs.msg import CompressedImage, Image

from vla_core.errors import ObservationError
from vla_nodes.byte_buffer import ByteBuffer

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


def _ros2_cv_bridge():
    """ROS 2's bridge; None where it is not in the ament index, or does not fit this numpy."""
    try:
        get_package_prefix("cv_bridge")
        from cv_bridge import CvBridge
    except (PackageNotFoundError, OSError, ImportError):
        return None
    return CvBridge()


_BRIDGE = _ros2_cv_bridge()


def decode_image(message: Image) -> np.ndarray:
    """Pixels of an Image.

    Returns:
        `(height, width, 3)` uint8 RGB; a view of the message where it is rgb8 already.

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
    if _BRIDGE is not None and conversion is not None:
        return _BRIDGE.imgmsg_to_cv2(message, "rgb8")
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    pixels = rows[:, :row].reshape(message.height, message.width, channels)
    return pixels if conversion is None else cv2.cvtColor(pixels, conversion)


def decode_compressed_image(message: CompressedImage) -> np.ndarray:
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


def fill_image(message: Image, pixels: np.ndarray, buffer: ByteBuffer) -> None:
    """Write `(height, width, 3)` uint8 RGB pixels into an Image, through a kept buffer."""
    height, width, _ = pixels.shape
    message.height, message.width, message.step = height, width, 3 * width
    message.encoding = "rgb8"
    message.is_bigendian = 0
    message.data = buffer.fill(pixels)
