"""Reads a robot's cameras: what they send, and where they are."""

from __future__ import annotations

import math

from vla_core.errors import RobotDescriptionError
from vla_core.robot.checked_yaml import CheckedMapping
from vla_core.robot.description import ROOT_FRAME, CameraDescription, ImageMessage
from vla_core.robot.image_encodings import COMPRESSED, ORDERS, RAW, UNORDERED
from vla_core.robot.urdf import Urdf

#: A quaternion this far from length 1 is a mistake, not rounding.
_ROUNDING = 1e-3


def load_cameras(yaml: CheckedMapping, urdf: Urdf) -> dict[str, CameraDescription]:
    """The cameras of a robot's YAML, by name.

    Raises:
        RobotDescriptionError: wrong keys or values, or frames that are not one tree.
    """
    cameras: dict[str, CameraDescription] = {}
    for name, inner in yaml.mappings("cameras").items():
        camera = _camera(name, inner, urdf)
        taken = [c.frame for c in cameras.values() if c.pose_in_base is not None]
        if camera.pose_in_base is not None and camera.frame in taken:
            raise RobotDescriptionError(
                inner.where("frame"), f"got {camera.frame!r}, which another camera has"
            )
        cameras[name] = camera
    return cameras


def _camera(name: str, yaml: CheckedMapping, urdf: Urdf) -> CameraDescription:
    width, height = yaml.pixels("width"), yaml.pixels("height")
    pose = _pose(yaml) if "pose_in_base" in yaml else None
    message = yaml.choice("message", ImageMessage)
    encoding = _encoding(yaml, message)
    camera = CameraDescription(
        name=name,
        topic=yaml.topic("topic"),
        message=message,
        info_topic=yaml.topic("info_topic") if "info_topic" in yaml else None,
        frame=_frame(yaml, urdf, placed=pose is not None),
        width=width,
        height=height,
        encoding=encoding,
        pixels_as=_pixels_as(yaml, encoding),
        simulated_width=yaml.pixels("simulated_width") if "simulated_width" in yaml else width,
        simulated_height=yaml.pixels("simulated_height") if "simulated_height" in yaml else height,
        pose_in_base=pose,
        depth_topic=yaml.topic("depth_topic") if "depth_topic" in yaml else None,
    )
    yaml.done()
    return camera


def _encoding(yaml: CheckedMapping, message: ImageMessage) -> str:
    """One that can be read as a picture, of that message."""
    encoding = yaml.text("encoding")
    known = COMPRESSED if message is ImageMessage.COMPRESSED_IMAGE else (*RAW, UNORDERED)
    if encoding not in known:
        raise RobotDescriptionError(
            yaml.where("encoding"),
            f"got {encoding!r}, no 8-bit picture that can be read from {message.value}; expected "
            f"one of {', '.join(known)}",
        )
    return encoding


def _pixels_as(yaml: CheckedMapping, encoding: str) -> str:
    """What pixels are that do not say it themselves: `8UC3` does not tell which colour is first."""
    if encoding != UNORDERED:
        return ""
    order = yaml.text("channels") if "channels" in yaml else ""
    if order not in ORDERS:
        raise RobotDescriptionError(
            yaml.where("channels"),
            f"got {order!r}, expected {' or '.join(ORDERS)}: {UNORDERED} does not say it",
        )
    return ORDERS[order]


def _frame(yaml: CheckedMapping, urdf: Urdf, placed: bool) -> str | None:
    """A link of the URDF, or, of a camera that is placed in the base frame, a name of its own."""
    if "frame" not in yaml and not placed:
        return None
    name = yaml.text("frame")
    if placed and name == ROOT_FRAME:
        raise RobotDescriptionError(yaml.where("frame"), f"got {name!r}, the robot's root")
    if placed and name in urdf.links:
        raise RobotDescriptionError(
            yaml.where("frame"),
            f"got {name!r}, a link of {urdf.path.name}, and a pose_in_base: a frame has one place; "
            "leave out pose_in_base, or name another frame",
        )
    if not placed and name not in urdf.links:
        raise RobotDescriptionError(
            yaml.where("frame"),
            f"got {name!r}, no link of {urdf.path.name}; of a camera that is not on the robot give "
            "pose_in_base, too",
        )
    return name


def _pose(yaml: CheckedMapping) -> tuple[float, ...]:
    values = yaml.numbers("pose_in_base")
    length = math.hypot(*values[3:])
    if len(values) != 7 or abs(length - 1.0) > _ROUNDING:
        raise RobotDescriptionError(
            yaml.where("pose_in_base"),
            f"got {list(values)}, expected x, y, z [m] and a unit quaternion x, y, z, w",
        )
    return (*values[:3], *(value / length for value in values[3:]))
