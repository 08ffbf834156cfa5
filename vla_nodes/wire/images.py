"""ROS images to RGB arrays: ROS 2's cv_bridge where it is installed, else OpenCV on the raw bytes.

The `cv-bridge` of PyPI is ROS 1's and corrupts data with numpy 2; only the ament index says
that the real one is there.
"""

from __future__ import annotations

import numpy as np
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from sensor_msgs.msg import Image

from vla_core.observation import image_decoding
from vla_nodes.wire.byte_buffer import ByteBuffer


def _ros2_cv_bridge():
    """ROS 2's bridge; None where it is not in the ament index, or does not fit this numpy."""
    try:
        get_package_prefix("cv_bridge")
        from cv_bridge import CvBridge
    except (PackageNotFoundError, OSError, ImportError):
        return None
    return CvBridge()


_BRIDGE = _ros2_cv_bridge()
#: What cv_bridge makes no colours of.
_NOT_BRIDGED = ("nv12", "nv21", "8UC1")


def decode_image(message: Image, encoding: str = "") -> np.ndarray:
    """Pixels of an Image; as `vla_core.observation.image_decoding.decode_image`."""
    converts = image_decoding.conversion_of(message, encoding)[1] is not None
    if _BRIDGE is not None and converts and not encoding and message.encoding not in _NOT_BRIDGED:
        return _BRIDGE.imgmsg_to_cv2(message, "rgb8")
    return image_decoding.decode_image(message, encoding)


def fill_image(message: Image, pixels: np.ndarray, buffer: ByteBuffer) -> None:
    """Write `(height, width, 3)` uint8 RGB pixels into an Image, through a kept buffer."""
    height, width, _ = pixels.shape
    message.height, message.width, message.step = height, width, 3 * width
    message.encoding = "rgb8"
    message.is_bigendian = 0
    message.data = buffer.fill(pixels)


def fill_depth(message: Image, depth: np.ndarray, buffer: ByteBuffer) -> None:
    """Write `(height, width)` float32 depth [m] into an Image, through a kept buffer."""
    height, width = depth.shape
    message.height, message.width, message.step = height, width, 4 * width
    message.encoding = "32FC1"
    message.is_bigendian = 0
    message.data = buffer.fill(depth)
