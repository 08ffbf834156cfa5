"""What the injector does to messages on their way: of cameras, joints, intents and chunks."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sensor_msgs.msg import Image, JointState

from vla_core.types import NANOSECONDS
from vla_msgs import msg
from vla_nodes.wire.conversions import to_nanoseconds, to_time

#: A message in, a message out; None: it is swallowed.
Transform = Callable[[Any], Any]

STUCK_AT = -1.0
OFF_BY = 1.0
AHEAD_S = 5.0
FIRST_CAMERA, SECOND_CAMERA, JOINTS, INTENT, CHUNK = (
    "first camera", "second camera", "joints", "intent", "chunk",
)  # fmt: skip


class Alteration(NamedTuple):
    """What is altered, and what makes a fresh transform for it."""

    route: str
    make: Callable[[], Transform]


def swallow(message: Any) -> None:
    """Nothing arrives."""


def black(message: Image) -> Image:
    """A picture of zeros."""
    message.data = array("B", bytes(len(message.data)))
    return message


class Frozen:
    """The first picture again and again, under new stamps."""

    def __init__(self) -> None:
        self._data: array | None = None

    def __call__(self, message: Image) -> Image:
        """The picture that came first, as if it were this one."""
        if self._data is None:
            self._data = message.data
        message.data = self._data
        return message


def stuck(message: JointState) -> JointState:
    """Every joint stands at -1 rad."""
    message.position = array("d", [STUCK_AT] * len(message.position))
    message.velocity = array("d", bytes(8 * len(message.velocity)))
    return message


def mislabelled(message: JointState) -> JointState:
    """Values under the names of other joints."""
    message.name = message.name[::-1]
    return message


def permuted(message: JointState) -> JointState:
    """Names and values in another order, alike: a message as good as before."""
    message.name = message.name[::-1]
    for field in ("position", "velocity", "effort"):
        setattr(message, field, getattr(message, field)[::-1])
    return message


def chunk_nan(message: msg.ActionChunk) -> msg.ActionChunk:
    """One target is no number."""
    message.targets[len(message.targets) // 2] = float("nan")
    return message


def chunk_wrong_joints(message: msg.ActionChunk) -> msg.ActionChunk:
    """A joint that no robot of ours has."""
    message.joint_names = ["tail_joint", *message.joint_names[1:]]
    return message


def chunk_from_the_future(message: msg.ActionChunk) -> msg.ActionChunk:
    """Seen before it could be."""
    ahead_ns = to_nanoseconds(message.observation_stamp) + round(AHEAD_S * NANOSECONDS)
    message.observation_stamp = to_time(ahead_ns)
    return message


def chunk_off(message: msg.ActionChunk) -> msg.ActionChunk:
    """Every target 1 rad away: a step for each joint."""
    message.targets = array("d", [target + OFF_BY for target in message.targets])
    return message


ALTERATIONS: Mapping[str, Alteration] = {
    "camera_stopped": Alteration(FIRST_CAMERA, lambda: swallow),
    "second_camera_stopped": Alteration(SECOND_CAMERA, lambda: swallow),
    "camera_black": Alteration(FIRST_CAMERA, lambda: black),
    "camera_frozen": Alteration(FIRST_CAMERA, Frozen),
    "joints_stopped": Alteration(JOINTS, lambda: swallow),
    "joints_stuck": Alteration(JOINTS, lambda: stuck),
    "joints_mislabelled": Alteration(JOINTS, lambda: mislabelled),
    "joints_permuted": Alteration(JOINTS, lambda: permuted),
    "intent_stopped": Alteration(INTENT, lambda: swallow),
    "chunk_nan": Alteration(CHUNK, lambda: chunk_nan),
    "chunk_wrong_joints": Alteration(CHUNK, lambda: chunk_wrong_joints),
    "chunk_from_the_future": Alteration(CHUNK, lambda: chunk_from_the_future),
    "chunk_off_by_1_rad": Alteration(CHUNK, lambda: chunk_off),
}
