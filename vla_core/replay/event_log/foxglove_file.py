"""An event log as MCAP with Foxglove's schemas: opens in Foxglove beside the recording itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from foxglove_schemas_protobuf.JointState_pb2 import JointState
from foxglove_schemas_protobuf.JointStates_pb2 import JointStates
from foxglove_schemas_protobuf.Log_pb2 import Log
from google.protobuf.timestamp_pb2 import Timestamp
from mcap.writer import Writer as McapWriter
from mcap_protobuf.schema import register_schema

from vla_core.errors import VlaError
from vla_core.replay.event_log.logged_event import (
    ChunkJoined,
    Constrained,
    Foreseen,
    JointsAt,
    LoggedEvent,
    Measured,
    ModeEntered,
    PictureSeen,
    Refused,
    encoded,
)
from vla_core.replay.event_log.wording import in_words
from vla_core.types import NANOSECONDS

#: Small pictures of features are enlarged so that a viewer does not blur them [pixels].
_SIDE = 224
#: Foxglove has no schema for a number.
_NUMBER = {"title": "vla.Number", "type": "object", "properties": {"value": {"type": "number"}}}


class FoxgloveFile:
    """Writes pictures, joints, chunks, numbers and log lines as they happen.

    | topic | schema |
    |---|---|
    | `/camera/CAMERA`, `/foresight/CAMERA/...` | `foxglove.CompressedImage` |
    | `/joints/measured`, `/joints/recorded`, `/joints/replayed` | `foxglove.JointStates` |
    | `/chunk/LANE`: targets at the times they are due | `foxglove.JointStates` |
    | `/number/SERIES` | JSON, `value` |
    | `/log`: constraints, modes, refusals, words of intents | `foxglove.Log` |

    Times are the recording's.

    Args:
        path: of the MCAP; replaced.

    Raises:
        VlaError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb")
        except OSError as error:
            raise VlaError(f"{path}: cannot be written: {error.strerror}") from None
        self._writer = McapWriter(self._file)
        self._writer.start(profile="", library="vla replay")
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self._joint_names: tuple[str, ...] = ()

    def begin(self, start_ns: int, joint_names: tuple[str, ...]) -> None:
        """Names for the joints."""
        self._joint_names = joint_names

    def write(self, event: LoggedEvent) -> None:
        """As one message, or several."""
        match event:
            case PictureSeen(time_ns, camera):
                self._image(f"/camera/{camera}", time_ns, event.jpeg, "jpeg")
            case JointsAt(time_ns, source, position):
                self._joints(f"/joints/{source.value}", time_ns, position)
            case ChunkJoined():
                for time_ns, target in zip(event.times_ns, event.targets, strict=True):
                    self._joints(f"/chunk/{event.lane}", int(time_ns), target)
            case Foreseen():
                self._foreseen(event)
            case Measured(time_ns, series, value):
                data = json.dumps({"value": value}).encode()
                self._add(f"/number/{series}", time_ns, data)
            case Constrained() | ModeEntered() | Refused():
                self._line(event, not isinstance(event, ModeEntered))

    def end(self) -> None:
        """Write the index, and close."""
        self._writer.finish()
        self._file.close()

    def _line(self, event: Constrained | Foreseen | ModeEntered | Refused, warned: bool) -> None:
        level = Log.Level.WARNING if warned else Log.Level.INFO
        name, stamp = type(event).__name__.lower(), _stamp(event.time_ns)
        line = Log(timestamp=stamp, level=level, name=name, message=in_words(event))
        self._message("/log", event.time_ns, line)

    def _foreseen(self, step: Foreseen) -> None:
        if step.words:
            self._line(step, warned=False)
        for view in step.views:
            for name, rgb in view.features.items():
                factor = max(1, _SIDE // len(rgb))
                png = encoded(np.kron(rgb, np.ones((factor, factor, 1), np.uint8)), ".png")
                self._image(f"/foresight/{view.camera}/{name}", step.time_ns, png, "png")
            for name, rgb in view.photos.items():
                jpeg = encoded(rgb, ".jpg")
                self._image(f"/foresight/{view.camera}/{name}", step.time_ns, jpeg, "jpeg")

    def _image(self, topic: str, time_ns: int, data: bytes, kind: str) -> None:
        message = CompressedImage(timestamp=_stamp(time_ns), data=data, format=kind)
        self._message(topic, time_ns, message)

    def _joints(self, topic: str, time_ns: int, position: np.ndarray) -> None:
        joints = [
            JointState(name=name, position=value)
            for name, value in zip(self._joint_names, position.tolist(), strict=True)
        ]
        self._message(topic, time_ns, JointStates(timestamp=_stamp(time_ns), joints=joints))

    def _message(self, topic: str, time_ns: int, message: Any) -> None:
        self._add(topic, time_ns, message.SerializeToString(), type(message))

    def _add(self, topic: str, time_ns: int, data: bytes, kind: Any = None) -> None:
        """A message of a protobuf class, or a number in JSON."""
        if topic not in self._channels:
            encoding = "json" if kind is None else "protobuf"
            self._channels[topic] = self._writer.register_channel(
                topic, encoding, self._schema(kind)
            )
        self._writer.add_message(self._channels[topic], time_ns, data, time_ns)

    def _schema(self, kind: Any) -> int:
        name = _NUMBER["title"] if kind is None else kind.DESCRIPTOR.full_name
        if name not in self._schemas:
            self._schemas[name] = (
                self._writer.register_schema(name, "jsonschema", json.dumps(_NUMBER).encode())
                if kind is None
                else register_schema(self._writer, kind)
            )
        return self._schemas[name]


def _stamp(time_ns: int) -> Timestamp:
    return Timestamp(seconds=time_ns // NANOSECONDS, nanos=time_ns % NANOSECONDS)
