"""A recording that can be checked by hand: one elbow sways, the robot follows 0.1 s late.

The same two seconds as a bag (JPEG pictures, as the robot's YAML says) and as a LeRobot data set.
The robot is the real recording's, with small pictures, few commands a second and no distances to
compute, so that a replay takes a moment only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rosbags.rosbag2 import Writer
from rosbags.rosbag2.enums import StoragePlugin
from rosbags.typesys import Stores, get_typestore

from vla_core.robot.load import load_robot
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS

STORE = get_typestore(Stores.ROS2_JAZZY)
WHOLE_ROBOT = load_robot("g1_bottle")
WIDTH, HEIGHT = 64, 48
ROBOT = RobotModel(
    replace(
        WHOLE_ROBOT,
        cameras={"head": replace(WHOLE_ROBOT.cameras["head"], width=WIDTH, height=HEIGHT)},
        command=replace(WHOLE_ROBOT.command, rate_hz=50.0),
        safety_file=None,
    )
)
RATE_HZ = 30
FRAMES = 60
BEGIN_NS = 1_700_000_000 * NANOSECONDS
INSTRUCTION = "Pick up the bottle."
ELBOW = ROBOT.index("kRightElbow")
AMPLITUDE, LATE_S = 0.1, 0.1
CAMERA_TOPIC = "/head_camera/color/image_raw/compressed"
JOINT_STATE = "sensor_msgs/msg/JointState"
COMPRESSED = "sensor_msgs/msg/CompressedImage"


def write_robot(folder: Path) -> Path:
    """The same robot as a YAML."""
    text = WHOLE_ROBOT.source.read_text()
    for was, becomes in (
        ("../../urdf/g1_inspire.urdf", str(WHOLE_ROBOT.urdf.path)),
        ("safety: g1_bottle.safety.yaml\n", ""),
        ("width: 640\n    height: 480", f"width: {WIDTH}\n    height: {HEIGHT}"),
        ("rate_hz: 200.0", "rate_hz: 50.0"),
    ):
        assert was in text
        text = text.replace(was, becomes)
    path = folder / "swaying.yaml"
    path.write_text(text)
    return path


def commanded(time_s: float) -> np.ndarray:
    """What the robot is told: the elbow swings once in two seconds."""
    position = ROBOT.ready_pose.copy()
    position[ELBOW] += AMPLITUDE * np.sin(np.pi * time_s)
    return position


def measured(time_s: float) -> np.ndarray:
    return commanded(time_s - LATE_S)


def picture(frame: int) -> np.ndarray:
    """A ramp of grey that moves to the right."""
    ramp = ((4 * np.arange(WIDTH) + 8 * frame) % 256).astype(np.uint8)
    return np.repeat(np.repeat(ramp[None, :, None], HEIGHT, axis=0), 3, axis=2)


def jpeg(frame: int) -> bytes:
    return cv2.imencode(".jpg", picture(frame))[1].tobytes()


def header(stamp_ns: int):
    types = STORE.types
    time = types["builtin_interfaces/msg/Time"](stamp_ns // NANOSECONDS, stamp_ns % NANOSECONDS)
    return types["std_msgs/msg/Header"](time, "")


def joints(stamp_ns: int, position: np.ndarray) -> bytes:
    """In reverse order, so that names count."""
    empty = np.empty(0)
    names = list(ROBOT.joint_names[::-1])
    message = STORE.types[JOINT_STATE](header(stamp_ns), names, position[::-1].copy(), empty, empty)
    return bytes(STORE.serialize_cdr(message, JOINT_STATE))


def image(stamp_ns: int, data: bytes) -> bytes:
    pixels = np.frombuffer(data, np.uint8)
    message = STORE.types[COMPRESSED](header(stamp_ns), "jpeg", pixels)
    return bytes(STORE.serialize_cdr(message, COMPRESSED))


def write_bag(
    path: Path,
    plugin: StoragePlugin = StoragePlugin.MCAP,
    commands: bool = True,
    frames: Iterable[int] = range(FRAMES),
    picture_of: Callable[[int], bytes] = jpeg,
) -> Path:
    """A bag of some frames."""
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        states = writer.add_connection("/joint_states", JOINT_STATE, typestore=STORE)
        camera = writer.add_connection(CAMERA_TOPIC, COMPRESSED, typestore=STORE)
        if commands:
            told = writer.add_connection("/joint_command", JOINT_STATE, typestore=STORE)
        for frame in frames:
            stamp_ns = BEGIN_NS + round(frame * NANOSECONDS / RATE_HZ)
            writer.write(states, stamp_ns, joints(stamp_ns, measured(frame / RATE_HZ)))
            if commands:
                writer.write(told, stamp_ns, joints(stamp_ns, commanded(frame / RATE_HZ)))
            writer.write(camera, stamp_ns, image(stamp_ns, picture_of(frame)))
    return path


def write_dataset(folder: Path, episodes: int = 2) -> Path:
    """A LeRobot data set of version 2.1 with the same two seconds in every episode."""
    names = list(ROBOT.joint_names)
    vector = {"dtype": "float32", "shape": [len(names)], "names": [names]}
    key = "observation.images.cam_high"
    info = {
        "codebase_version": "v2.1",
        "fps": RATE_HZ,
        "chunks_size": 1000,
        "data_path": "data/episode_{episode_index:06d}.parquet",
        "video_path": "videos/{video_key}/episode_{episode_index:06d}.mp4",
        "features": {
            "observation.state": vector,
            "action": vector,
            key: {"dtype": "video", "shape": [HEIGHT, WIDTH, 3]},
        },
    }
    for part in ("meta", "data", f"videos/{key}"):
        (folder / part).mkdir(parents=True)
    (folder / "meta/info.json").write_text(json.dumps(info))
    (folder / "meta/tasks.jsonl").write_text(json.dumps({"task_index": 0, "task": INSTRUCTION}))
    lines = [json.dumps({"episode_index": i, "length": FRAMES}) + "\n" for i in range(episodes)]
    (folder / "meta/episodes.jsonl").write_text("".join(lines))
    times_s = np.arange(FRAMES) / RATE_HZ
    for index in range(episodes):
        table = {
            "observation.state": [measured(t).astype(np.float32) for t in times_s],
            "action": [commanded(t).astype(np.float32) for t in times_s],
            "frame_index": np.arange(FRAMES),
            "episode_index": np.full(FRAMES, index),
            "task_index": np.zeros(FRAMES, int),
        }
        pq.write_table(pa.table(table), folder / info["data_path"].format(episode_index=index))
        _write_video(folder / info["video_path"].format(video_key=key, episode_index=index))
    return folder


def _write_video(path: Path) -> None:
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "crf": "5"}
        stream = container.add_stream("libx264", rate=RATE_HZ, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in range(FRAMES):
            pixels = av.VideoFrame.from_ndarray(picture(frame), "rgb24")
            container.mux(stream.encode(pixels))
        container.mux(stream.encode())
