"""Encodings of pictures that can be read; a robot's YAML that names another one is refused."""

from __future__ import annotations

#: Of a CompressedImage.
COMPRESSED = ("jpeg", "jpg", "png")
#: Of an Image: 8 bits a value, in colour or grey.
RAW = (
    "rgb8", "bgr8", "rgba8", "bgra8", "mono8", "8UC1", "yuv422", "uyvy", "yuv422_yuy2", "yuyv",
    "nv12", "nv21", "bayer_rggb8", "bayer_bggr8", "bayer_gbrg8", "bayer_grbg8",
)  # fmt: skip
#: Three values a pixel whose order only the YAML can tell: order -> the encoding that it is.
UNORDERED = "8UC3"
ORDERS = {"rgb": "rgb8", "bgr": "bgr8"}
