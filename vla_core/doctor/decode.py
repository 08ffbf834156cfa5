"""Serialised messages to what the checks see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from rosbags.typesys import (
    Stores,
    TypesysError,
    get_types_from_idl,
    get_types_from_msg,
    get_typestore,
)

from vla_core.doctor.contract import (
    COMPRESSED_IMAGE,
    IMAGE,
    JOINT_STATE,
    JOINT_TRAJECTORY,
    Contract,
    Role,
)
from vla_core.doctor.events import Arrival, Joints, Picture, Unreadable
from vla_core.errors import VlaError
from vla_core.observation.image_decoding import (
    check_encoding,
    decode_compressed_image,
    decode_image,
)
from vla_core.recordings.bags.bag import BagMessage, read_message, stamp_of
from vla_core.types import NANOSECONDS

_HEADER = "std_msgs/msg/Header"
#: Encapsulation, time, and the length of a frame's name.
_SHORTEST_WITH_HEADER = 16


class Logged(NamedTuple):
    """A message as it lies in a recording.

    Attributes:
        encoding: `cdr`, or what else the recording says.
        definition: text of the message type (`ros2msg` or `ros2idl`, as `definition_encoding`
            says); empty where the recording holds none.
    """

    topic: str
    message_type: str
    log_ns: int
    data: bytes
    encoding: str = "cdr"
    definition_encoding: str = ""
    definition: str = ""


class Decoder:
    """Reads pictures, joint states and commands, and the stamp of whatever begins with a header.

    Attributes:
        unknown_types: topics of types that are not known and that the recording does not define.
    """

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._store = get_typestore(Stores.ROS2_JAZZY)
        self._begins_with_header: dict[str, bool] = {}
        self.unknown_types: dict[str, str] = {}

    def decode(self, logged: Logged) -> Arrival:
        """What a message is to the checks; an `Unreadable` where it is broken."""
        where = (logged.topic, logged.message_type, logged.log_ns, self._stamp_ns(logged))
        role = self._contract.role(logged.topic, logged.message_type)
        if role is Role.OTHER:
            return Arrival(*where)
        try:
            message = read_message(
                BagMessage(logged.topic, logged.message_type, 0.0, logged.data, logged.log_ns)
            )
            camera = self._contract.cameras.get(logged.topic)
            if camera is not None:
                check_encoding(message, camera)
            if logged.message_type == IMAGE:
                return Picture(*where, decode_image(message, camera.pixels_as if camera else ""))
            if logged.message_type == COMPRESSED_IMAGE:
                return Picture(*where, decode_compressed_image(message))
            if logged.message_type == JOINT_STATE:
                joints = _joints(where, message.name, [message.position])
                return replace(joints, velocity=np.asarray(message.velocity, dtype=float))
            if logged.message_type == JOINT_TRAJECTORY:
                joints = _joints(where, message.joint_names, [p.positions for p in message.points])
                after = [p.time_from_start for p in message.points]
                after_ns = np.array([t.sec * NANOSECONDS + t.nanosec for t in after], np.int64)
                if np.any(np.diff(after_ns) <= 0):
                    raise ValueError("the times of its points do not increase")
                return replace(joints, after_ns=after_ns)
            return _joints(where, self._contract.command_names(logged.topic), [message.data])
        except (VlaError, ValueError, cv2.error) as error:
            return Unreadable(*where, str(error))

    def _stamp_ns(self, logged: Logged) -> int | None:
        """Time in the header; None without one, and for one that was not set."""
        kind = logged.message_type
        if kind not in self._begins_with_header:
            fields = self._fields_of(logged)
            if fields is None:
                self.unknown_types[logged.topic] = kind
            self._begins_with_header[kind] = bool(fields) and fields[0][1][1] == _HEADER
        if not self._begins_with_header[kind] or len(logged.data) < _SHORTEST_WITH_HEADER:
            return None
        return stamp_of(logged.data) or None

    def _fields_of(self, logged: Logged) -> list[Any] | None:
        """Names and types of a message's fields; None where neither store nor recording tell."""
        kind, definitions = logged.message_type, self._store.fielddefs
        if kind not in definitions and logged.definition:
            try:
                if logged.definition_encoding == "ros2msg":
                    definitions = get_types_from_msg(logged.definition, kind)
                else:
                    definitions = get_types_from_idl(logged.definition)
            except TypesysError:
                return None
        return definitions[kind][1] if kind in definitions else None


def _joints(where: tuple[str, str, int, int | None], names: Any, points: Any) -> Joints:
    """Names and positions that fit together.

    Raises:
        ValueError: they do not.
    """
    names = tuple(names)
    positions = [np.asarray(point, dtype=float) for point in points]
    if not positions or any(point.shape != (len(names),) for point in positions):
        raise ValueError(f"{len(names)} names, but positions {[len(p) for p in positions]}")
    return Joints(*where, names, np.stack(positions))
