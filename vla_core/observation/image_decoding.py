"""ROS images to RGB arrays, with OpenCV on the raw bytes.

A message is anything with the fields of `sensor_msgs/Image` or `CompressedImage`: one that came
over the middleware, or one that was read from a bag.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import cv2
import numpy as np
from PIL import Image as PillowImage

from vla_core.errors import ObservationError
from vla_core.robot.description import CameraDescription, ImageMessage

#: Largest picture that is decompressed; its size is read from its header before [pixels].
MOST_PIXELS = 1 << 26
#: encoding -> (channels in memory, conversion to RGB or None where it is RGB already)
_ENCODINGS: dict[str, tuple[int, int | None]] = {
    "rgb8": (3, None),
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
    "8UC1": (1, cv2.COLOR_GRAY2RGB),
    "nv12": (1, cv2.COLOR_YUV2RGB_NV12),
    "nv21": (1, cv2.COLOR_YUV2RGB_NV21),
    "yuv422": (2, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": (2, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": (2, cv2.COLOR_YUV2RGB_YUY2),
    "yuyv": (2, cv2.COLOR_YUV2RGB_YUY2),
    "bayer_rggb8": (1, cv2.COLOR_BayerRGGB2RGB),
    "bayer_bggr8": (1, cv2.COLOR_BayerBGGR2RGB),
    "bayer_gbrg8": (1, cv2.COLOR_BayerGBRG2RGB),
    "bayer_grbg8": (1, cv2.COLOR_BayerGRBG2RGB),
}


#: Half of the lines again, with the colours of four pixels each.
_TWO_PLANES = ("nv12", "nv21")
_IN_PAIRS = ("yuv422", "uyvy", "yuv422_yuy2", "yuyv", *_TWO_PLANES)


def conversion_of(message: Any, encoding: str = "") -> tuple[int, int | None]:
    """Channels in memory and OpenCV's conversion to RGB (None: it is RGB) of a sound Image.

    Args:
        encoding: that its pixels are of; empty: as it says.

    Raises:
        ObservationError: an encoding that is no 8-bit picture, or data of the wrong length.
    """
    encoding = encoding or message.encoding
    if encoding not in _ENCODINGS:
        raise ObservationError(
            f"image encoding {encoding!r} is not supported; expected one of {', '.join(_ENCODINGS)}"
        )
    channels, conversion = _ENCODINGS[encoding]
    row, rows = message.width * channels, _rows(message.height, encoding)
    if (
        not row
        or not message.height
        or message.step < row
        or len(message.data) != message.step * rows
    ):
        raise ObservationError(
            f"{encoding} image {message.width}x{message.height}: got {len(message.data)} "
            f"bytes in rows of {message.step}, expected {rows} rows of at least {row}"
        )
    odd_height = encoding in _TWO_PLANES and message.height % 2
    if encoding in _IN_PAIRS and message.width % 2 or odd_height:
        raise ObservationError(
            f"{encoding} image {message.width}x{message.height}: got an odd "
            f"{'height' if odd_height else 'width'}, expected an even one, as two pixels share "
            "their colour"
        )
    return channels, conversion


def _rows(height: int, encoding: str) -> int:
    return height * 3 // 2 if encoding in _TWO_PLANES else height


def decode_image(message: Any, encoding: str = "") -> np.ndarray:
    """Pixels of an Image.

    Args:
        encoding: that they are of; empty: as it says.

    Returns:
        `(height, width, 3)` uint8 RGB; a view of the message where it is rgb8 already.

    Raises:
        ObservationError: as `conversion_of`.
    """
    channels, conversion = conversion_of(message, encoding)
    height = _rows(message.height, encoding or message.encoding)
    rows = np.frombuffer(message.data, np.uint8).reshape(height, message.step)
    pixels = rows[:, : message.width * channels].reshape(height, message.width, channels)
    if conversion is None:
        return pixels
    try:
        return cv2.cvtColor(pixels, conversion)
    except cv2.error as error:
        raise ObservationError(
            f"{message.encoding} image {message.width}x{message.height} cannot be converted: "
            f"{error.err}"
        ) from None


def decode_compressed_image(message: Any) -> np.ndarray:
    """Pixels of a JPEG or PNG.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        ObservationError: bytes that OpenCV cannot read, e.g. of a depth image; a size beyond
            `MOST_PIXELS`, by its header, before anything is allocated for it.
    """
    compressed_size(message)
    data = np.frombuffer(message.data, np.uint8)
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise _no_picture(message)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def compressed_size(message: Any) -> tuple[int, int]:
    """Height and width that the header of a JPEG or PNG says; nothing is decompressed.

    Raises:
        ObservationError: no such header, or more than `MOST_PIXELS`.
    """
    if "compressedDepth" in message.format:
        raise _no_picture(message)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PillowImage.DecompressionBombWarning)
            with PillowImage.open(io.BytesIO(message.data), formats=("JPEG", "PNG")) as picture:
                width, height = picture.size
    except PillowImage.DecompressionBombError as error:
        raise ObservationError(f"compressed image: {error}") from None
    except (OSError, ValueError, SyntaxError):
        raise _no_picture(message) from None
    if width * height > MOST_PIXELS:
        raise ObservationError(
            f"compressed image of {len(message.data)} bytes: its header says {width}x{height} "
            f"pixels, at most {MOST_PIXELS} are decoded"
        )
    return height, width


def _no_picture(message: Any) -> ObservationError:
    return ObservationError(
        f"compressed image of {len(message.data)} bytes and format {message.format!r} cannot be "
        "decoded; expected JPEG or PNG in colour"
    )


def check_encoding(message: Any, camera: CameraDescription) -> None:
    """Refuse an Image of another encoding than the robot's YAML says.

    Raises:
        ObservationError: names both.
    """
    if camera.message is ImageMessage.IMAGE and message.encoding != camera.encoding:
        raise ObservationError(
            f"camera {camera.name!r}: got encoding {message.encoding!r}, expected "
            f"{camera.encoding!r}; correct `cameras.{camera.name}.encoding` in the robot's YAML"
        )


def checked_pixels(
    message: Any, camera: CameraDescription, size: tuple[int, int], decode=decode_image
) -> np.ndarray:
    """Pixels of a message that is what the robot's YAML says.

    Args:
        size: expected height and width.
        decode: gives the pixels of an Image of an encoding.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        ObservationError: another encoding or size, or it cannot be decoded.
    """
    check_encoding(message, camera)
    if camera.message is ImageMessage.COMPRESSED_IMAGE:
        given = compressed_size(message)
        if sorted(given) != sorted(size):  # decoded, it may be turned by its orientation
            raise _wrong_size(camera, given, size)
        pixels = decode_compressed_image(message)
    elif (message.height, message.width) != size:
        raise _wrong_size(camera, (message.height, message.width), size)
    else:
        pixels = decode(message, camera.pixels_as)
    if pixels.shape[:2] != size:
        raise _wrong_size(camera, pixels.shape[:2], size)
    return pixels


def _wrong_size(
    camera: CameraDescription, given: tuple[int, int], size: tuple[int, int]
) -> ObservationError:
    correct = f"correct the camera, or `cameras.{camera.name}` in the robot's YAML"
    if given == camera.size(simulated=True):
        correct = "these are pictures of the simulated robot, which has to be said (simulated)"
    return ObservationError(
        f"camera {camera.name!r}: got {given[1]}x{given[0]} pixels, expected {size[1]}x{size[0]}; "
        + correct
    )
