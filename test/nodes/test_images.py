"""Every encoding that is read gives the same picture; every other one is refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from sensor_msgs.msg import CompressedImage, Image

from vla_core.errors import ObservationError
from vla_core.observation.image_decoding import decode_compressed_image
from vla_nodes.wire.byte_buffer import ByteBuffer, bytes_field
from vla_nodes.wire.images import decode_image, fill_image

#: Three bands of colour, wide enough that subsampled colours stay pure.
PICTURE = np.repeat(
    np.array([[[200, 30, 40], [20, 190, 60], [40, 50, 210]]], np.uint8), 8, axis=1
).repeat(16, axis=0)


def image(pixels: np.ndarray, encoding: str, padding: int = 0) -> Image:
    rows = pixels.reshape(pixels.shape[0], -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=123)
    return Image(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        step=rows.shape[1],
        data=bytes_field(rows),
    )


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("rgb8", PICTURE),
        ("bgr8", PICTURE[..., ::-1]),
        ("rgba8", np.dstack([PICTURE, np.full(PICTURE.shape[:2], 9, np.uint8)])),
        ("bgra8", np.dstack([PICTURE[..., ::-1], np.full(PICTURE.shape[:2], 9, np.uint8)])),
    ],
)
def test_colour_encodings_give_the_picture_exactly(encoding, pixels, padding):
    np.testing.assert_array_equal(decode_image(image(pixels, encoding, padding)), PICTURE)


def test_grey_becomes_three_equal_channels():
    grey = PICTURE[..., 0]
    np.testing.assert_array_equal(
        decode_image(image(grey[..., None], "mono8")), np.dstack([grey] * 3)
    )


@pytest.mark.parametrize(
    ("encoding", "code", "order"),
    [
        ("uyvy", cv2.COLOR_RGB2YUV, (1, 0, 2, 0)),
        ("yuv422", cv2.COLOR_RGB2YUV, (1, 0, 2, 0)),
        ("yuyv", cv2.COLOR_RGB2YUV, (0, 1, 0, 2)),
        ("yuv422_yuy2", cv2.COLOR_RGB2YUV, (0, 1, 0, 2)),
    ],
)
def test_yuv_encodings_give_the_colours(encoding, code, order):
    yuv = cv2.cvtColor(PICTURE, code)
    packed = np.empty((*PICTURE.shape[:2], 2), np.uint8)
    first, second = yuv[:, 0::2], yuv[:, 1::2]
    for place, channel in enumerate(order):
        pixel = first if place < 2 else second
        packed[:, place // 2 :: 2, place % 2] = pixel[..., channel]
    got = decode_image(image(packed, encoding))
    assert np.abs(got[8, 4].astype(int) - PICTURE[8, 4]).max() < 45
    assert got[8, 12].argmax() == 1 and got[8, 20].argmax() == 2


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer_encodings_give_the_colours(pattern):
    mosaic = np.empty(PICTURE.shape[:2], np.uint8)
    for place, colour in enumerate(pattern):
        row, column = divmod(place, 2)
        mosaic[row::2, column::2] = PICTURE[row::2, column::2, "rgb".index(colour)]
    got = decode_image(image(mosaic[..., None], f"bayer_{pattern}8"))
    for column in (4, 12, 20):
        assert np.abs(got[8, column].astype(int) - PICTURE[8, column]).max() < 10


@pytest.mark.parametrize("encoding", ["16UC1", "mono16", "32FC1", "8UC7", ""])
def test_what_is_no_colour_picture_is_refused_with_what_would_be(encoding):
    with pytest.raises(ObservationError, match=f"'{encoding}' is not supported.*rgb8"):
        decode_image(image(PICTURE, encoding))


def test_data_of_the_wrong_length_is_refused():
    message = image(PICTURE, "rgb8")
    message.height += 1
    with pytest.raises(ObservationError, match="rgb8 image 24x17: got 1152 bytes"):
        decode_image(message)


@pytest.mark.parametrize(("suffix", "difference"), [(".png", 0), (".jpg", 60)])
def test_compressed_pictures_are_read(suffix, difference):
    _, data = cv2.imencode(suffix, PICTURE[..., ::-1])
    got = decode_compressed_image(CompressedImage(format=suffix[1:], data=bytes_field(data)))
    assert np.abs(got.astype(int) - PICTURE).max() <= difference


@pytest.mark.parametrize("data", [[], [1, 2, 3]])
def test_bytes_that_are_no_picture_are_refused(data):
    with pytest.raises(ObservationError, match=f"{len(data)} bytes and format 'jpeg'"):
        decode_compressed_image(CompressedImage(format="jpeg", data=data))


def test_compressed_depth_is_refused():
    _, data = cv2.imencode(".png", PICTURE)
    with pytest.raises(ObservationError, match="compressedDepth"):
        decode_compressed_image(
            CompressedImage(format="16UC1; compressedDepth png", data=bytes_field(data))
        )


def test_a_filled_image_reads_back():
    message = Image()
    fill_image(message, PICTURE, ByteBuffer())
    np.testing.assert_array_equal(decode_image(message), PICTURE)
