"""The swaying robot's two seconds with depth beside its pictures, and what its camera is like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from rosbags.rosbag2 import Writer
from rosbags.rosbag2.enums import StoragePlugin
from swaying_robot import (
    BEGIN_NS,
    CAMERA_TOPIC,
    COMPRESSED,
    FRAMES,
    HEIGHT,
    JOINT_STATE,
    RATE_HZ,
    ROBOT,
    STORE,
    WIDTH,
    commanded,
    header,
    image,
    joints,
    jpeg,
    measured,
)

from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS

IMAGE, DEPTH_TOPIC = "sensor_msgs/msg/Image", "/head_camera/depth/image_raw"
INFO, INFO_TOPIC = "sensor_msgs/msg/CameraInfo", "/head_camera/camera_info"
_HEAD = replace(
    ROBOT.description.cameras["head"], depth_topic=DEPTH_TOPIC, info_topic=INFO_TOPIC
)
DEEP = RobotModel(replace(ROBOT.description, cameras={"head": _HEAD}))


def depth_mm(frame: int) -> np.ndarray:
    """Farther from frame to frame and to the right; nothing is measured in the top row."""
    depth = np.tile(500 + 10 * frame + np.arange(WIDTH, dtype=np.uint16), (HEIGHT, 1))
    depth[0] = 0
    return depth


def depth_message(stamp_ns: int, frame: int, encoding: str) -> bytes:
    pixels = depth_mm(frame)
    if encoding == "32FC1":
        pixels = np.where(pixels, pixels * np.float32(1e-3), np.nan).astype(np.float32)
    data = np.frombuffer(pixels.tobytes(), np.uint8)
    step = WIDTH * pixels.itemsize
    message = STORE.types[IMAGE](header(stamp_ns), HEIGHT, WIDTH, encoding, 0, step, data)
    return bytes(STORE.serialize_cdr(message, IMAGE))


def info_message(stamp_ns: int) -> bytes:
    """Of a camera without distortion."""
    types, none = STORE.types, np.empty(0)
    pinhole = np.array([60.0, 0, 31.5, 0, 60, 23.5, 0, 0, 1])
    region = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    message = types[INFO](
        header(stamp_ns), HEIGHT, WIDTH, "plumb_bob", none, pinhole, np.eye(3).reshape(-1),
        np.zeros(12), 0, 0, region,
    )  # fmt: skip
    return bytes(STORE.serialize_cdr(message, INFO))


def write_deep_bag(path: Path, encoding: str, frames: int = FRAMES) -> Path:
    """A bag of the first frames."""
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        topics = {"/joint_states": JOINT_STATE, "/joint_command": JOINT_STATE,
                  CAMERA_TOPIC: COMPRESSED, DEPTH_TOPIC: IMAGE, INFO_TOPIC: INFO}  # fmt: skip
        at = {t: writer.add_connection(t, kind, typestore=STORE) for t, kind in topics.items()}
        for frame in range(frames):
            time_s = frame / RATE_HZ
            stamp_ns = BEGIN_NS + round(time_s * NANOSECONDS)
            for topic, data in (
                ("/joint_states", joints(stamp_ns, measured(time_s))),
                ("/joint_command", joints(stamp_ns, commanded(time_s))),
                (INFO_TOPIC, info_message(stamp_ns)),
                (DEPTH_TOPIC, depth_message(stamp_ns, frame, encoding)),
                (CAMERA_TOPIC, image(stamp_ns, jpeg(frame))),
            ):
                writer.write(at[topic], stamp_ns, data)
    return path
