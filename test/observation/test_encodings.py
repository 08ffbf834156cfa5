"""A picture is read in every encoding that a robot's YAML may name; others are refused at load."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import yaml

from vla_core.errors import ObservationError, RobotDescriptionError
from vla_core.observation.image_decoding import checked_pixels
from vla_core.paths import robot_file
from vla_core.robot.description import CameraDescription
from vla_core.robot.image_encodings import RAW
from vla_core.robot.load import load_robot

HEIGHT, WIDTH = 48, 64
#: One colour: subsampled colours are the same, too.
PICTURE = np.full((HEIGHT, WIDTH, 3), (200, 90, 30), np.uint8)
GREY = cv2.cvtColor(PICTURE, cv2.COLOR_RGB2GRAY)


def camera(folder: Path, encoding: str, **more: object) -> CameraDescription:
    """Of a copy of g1_bottle whose camera sends Images of an encoding."""
    source = robot_file("g1_bottle")
    described = yaml.safe_load(source.read_text())
    described["urdf"] = str((source.parent / described["urdf"]).resolve())
    del described["safety"]
    described["cameras"]["head"] |= {
        "message": "Image", "encoding": encoding, "width": WIDTH, "height": HEIGHT, **more
    }  # fmt: skip
    (folder / "robot.yaml").write_text(yaml.safe_dump(described))
    return load_robot(folder / "robot.yaml").cameras["head"]


def planes(order: tuple[int, int]) -> np.ndarray:
    """The brightness of every pixel, then the colours of four each."""
    yuv = cv2.cvtColor(PICTURE, cv2.COLOR_RGB2YUV_I420).reshape(-1)
    light, rest = yuv[: HEIGHT * WIDTH], yuv[HEIGHT * WIDTH :].reshape(2, -1)
    return np.concatenate([light, rest[list(order)].T.reshape(-1)])


def pairs(order: tuple[int, ...]) -> np.ndarray:
    y, u, v = planes((0, 1))[0], *planes((0, 1))[-2:]
    return np.tile(np.array([y, u, y, v], np.uint8)[list(order)], HEIGHT * WIDTH // 2)


DATA = {
    "rgb8": (3, PICTURE), "bgr8": (3, PICTURE[..., ::-1]),
    "rgba8": (4, np.dstack([PICTURE, GREY])), "bgra8": (4, np.dstack([PICTURE[..., ::-1], GREY])),
    "mono8": (1, GREY), "8UC1": (1, GREY),
    "nv12": (1, planes((0, 1))), "nv21": (1, planes((1, 0))),
    "yuv422": (2, pairs((1, 0, 3, 2))), "uyvy": (2, pairs((1, 0, 3, 2))),
    "yuv422_yuy2": (2, pairs((0, 1, 2, 3))), "yuyv": (2, pairs((0, 1, 2, 3))),
}  # fmt: skip


def sent(encoding: str, channels: int, data: np.ndarray) -> SimpleNamespace:
    return SimpleNamespace(
        encoding=encoding, width=WIDTH, height=HEIGHT, step=WIDTH * channels,
        data=np.ascontiguousarray(data).tobytes(),
    )  # fmt: skip


@pytest.mark.parametrize("encoding", DATA)
def test_what_the_yaml_may_name_is_read(tmp_path, encoding):
    channels, data = DATA[encoding]
    message = sent(encoding, channels, data)
    pixels = checked_pixels(message, camera(tmp_path, encoding), (HEIGHT, WIDTH))
    grey = encoding in ("mono8", "8UC1")
    expected = np.dstack([GREY] * 3) if grey else PICTURE
    assert pixels.shape == PICTURE.shape
    assert np.abs(pixels.astype(int) - expected).max() <= 6  # of the conversion to YUV and back


def test_every_encoding_that_may_be_named_is_in_this_table_or_is_bayers():
    assert {name for name in RAW if not name.startswith("bayer")} == set(DATA)


@pytest.mark.parametrize(("channels", "data"), [("rgb", PICTURE), ("bgr", PICTURE[..., ::-1])])
def test_values_without_an_order_are_read_in_the_yamls(tmp_path, channels, data):
    described = camera(tmp_path, "8UC3", channels=channels)
    pixels = checked_pixels(sent("8UC3", 3, data), described, (HEIGHT, WIDTH))
    assert np.array_equal(pixels, PICTURE)


@pytest.mark.parametrize(
    ("encoding", "more", "words"),
    [
        ("16UC1", {}, "encoding: got '16UC1', no 8-bit picture that can be read from Image"),
        ("32FC1", {}, "expected one of rgb8, bgr8"),
        ("jpeg", {}, "got 'jpeg'"),
        ("8UC3", {}, "channels: got '', expected rgb or bgr: 8UC3 does not say it"),
        ("8UC3", {"channels": "gbr"}, "got 'gbr'"),
        ("rgb8", {"channels": "rgb"}, "unknown keys channels"),
        ("compressedDepth", {"message": "CompressedImage"}, "expected one of jpeg, jpg, png"),
    ],
)
def test_what_cannot_be_read_is_refused_at_load(tmp_path, encoding, more, words):
    with pytest.raises(RobotDescriptionError, match=words):
        camera(tmp_path, encoding, **more)


def test_pictures_of_the_simulated_robot_are_known_for_what_they_are():
    camera = load_robot("g1_inspire").cameras["head"]
    real, simulated = camera.size(simulated=False), camera.size(simulated=True)
    assert real != simulated
    for size, words in ((simulated, "simulated robot"), ((7, 9), "correct the camera")):
        pixels = np.zeros((*size, 3), np.uint8)
        message = SimpleNamespace(
            encoding="rgb8", height=size[0], width=size[1], step=3 * size[1], data=pixels.tobytes()
        )
        with pytest.raises(ObservationError, match=words):
            checked_pixels(message, camera, real)
