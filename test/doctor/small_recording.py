"""A recording of 5 s that a test damages: joints and commands at 30 Hz, one small camera."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import yaml
from rosbags.rosbag2 import Writer
from rosbags.rosbag2.enums import StoragePlugin
from rosbags.typesys import Stores, get_typestore

from vla_core.doctor.contract import COMPRESSED_IMAGE as IMAGE, JOINT_STATE, Contract, Size
from vla_core.doctor.events import Arrival, Joints, Picture
from vla_core.paths import robot_file
from vla_core.recordings.bags.bag import with_stamp
from vla_core.robot.load import load_robot

STORE = get_typestore(Stores.ROS2_JAZZY)
CAMERA, STATES, COMMANDS = "/camera", "/joint_states", "/asked_for"
FRAMES, RATE_HZ = 150, 30
START_NS = 1_776_000_000_000_000_000
WIDTH, HEIGHT = 64, 48
#: How far joints lag behind their commands, and the log behind the stamps [s].
LAG_S, TRANSPORT_S = 0.05, 0.02


def write_robot(folder: Path) -> Path:
    """The YAML of g1_bottle with a small camera and the topics used here."""
    source = robot_file("g1_bottle")
    described = yaml.safe_load(source.read_text())
    described["urdf"] = str((source.parent / described["urdf"]).resolve())
    del described["safety"]
    described["cameras"]["head"] |= {"topic": CAMERA, "width": WIDTH, "height": HEIGHT}
    described["recording"]["command_topic"] = COMMANDS
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(described, sort_keys=False))
    return path


ROBOT = load_robot("g1_bottle")
NAMES = ROBOT.joint_names


def contract() -> Contract:
    """That of `write_robot`, without its file."""
    return Contract(
        ROBOT,
        {CAMERA: (Size(WIDTH, HEIGHT),)},
        {CAMERA: IMAGE, STATES: JOINT_STATE},
        {COMMANDS: JOINT_STATE},
    )


def positions(time_s: float) -> np.ndarray:
    """Every joint swings inside its limits, each at its own rate."""
    lower = np.array([joint.lower for joint in ROBOT.joints])
    upper = np.array([joint.upper for joint in ROBOT.joints])
    middle = np.clip(ROBOT.ready_pose, lower + 0.35, upper - 0.35)
    rates = np.linspace(1.0, 3.0, len(NAMES))
    return middle + 0.3 * np.sin(rates * time_s + np.arange(len(NAMES)))


def joint_state(position: np.ndarray, names: tuple[str, ...]) -> bytes:
    types = STORE.types
    time = types["builtin_interfaces/msg/Time"](0, 0)
    header = types["std_msgs/msg/Header"](time, "")
    zeros = np.zeros(len(names))
    message = types[JOINT_STATE](header, list(names), np.asarray(position, float), zeros, zeros)
    return bytes(STORE.serialize_cdr(message, JOINT_STATE))


def picture(pixels: np.ndarray) -> bytes:
    types = STORE.types
    header = types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](0, 0), "")
    _, data = cv2.imencode(".png", pixels)
    return bytes(STORE.serialize_cdr(types[IMAGE](header, "png", data.ravel()), IMAGE))


def noise(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng(seed).integers(40, 200, (height, width, 3), np.uint8)


def joints(topic: str, frame: int, position: np.ndarray) -> Joints:
    return Joints(topic, JOINT_STATE, *times(frame), NAMES, position[None])


def times(frame: int) -> tuple[int, int]:
    """When a frame was logged, and its stamp [ns]."""
    stamp_ns = START_NS + round(frame / RATE_HZ * 1e9)
    return stamp_ns + round(TRANSPORT_S * 1e9), stamp_ns


@cache
def recording() -> tuple[Arrival, ...]:
    """Undamaged: of every frame the command, the state, the picture."""
    arrivals: list[Arrival] = []
    for frame in range(FRAMES):
        arrivals += (
            joints(COMMANDS, frame, positions(time_s(frame) + LAG_S)),
            joints(STATES, frame, positions(time_s(frame))),
            Picture(CAMERA, IMAGE, *times(frame), noise(frame)),
        )
    return tuple(arrivals)


def places(topic: str) -> list[int]:
    """Where the messages of a topic are in the recording."""
    return [place for place, arrival in enumerate(recording()) if arrival.topic == topic]


def time_s(frame: int) -> float:
    """When a frame was logged, since the recording's start [s]."""
    return frame / RATE_HZ


def write(folder: Path, arrivals: Iterable[Arrival], plugin=StoragePlugin.MCAP) -> Path:
    """A bag of the messages."""
    with Writer(folder, version=9, storage_plugin=plugin) as writer:
        types = {CAMERA: IMAGE, STATES: JOINT_STATE, COMMANDS: JOINT_STATE}
        connections = {
            topic: writer.add_connection(topic, kind, typestore=STORE)
            for topic, kind in types.items()
        }
        for arrival in arrivals:
            if isinstance(arrival, Joints):
                data = joint_state(arrival.positions[0], arrival.names)
            else:
                data = picture(arrival.pixels)
            writer.write(
                connections[arrival.topic], arrival.log_ns, with_stamp(data, arrival.stamp_ns)
            )
    return folder
