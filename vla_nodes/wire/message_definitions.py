"""Message types by name: the class, and the definition that a recording carries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from vla_core.errors import VlaError

_SEPARATOR = "=" * 80
#: A type in what `get_fields_and_field_types` says: `sequence<std_msgs/Header, 10>`, `a/B[3]`.
_NESTED = re.compile(r"(\w+)/(\w+)")


class UnknownMessageError(VlaError):
    """A message type that is not installed here."""


def message_class(message_type: str) -> type:
    """`sensor_msgs/msg/Image` -> the class.

    Raises:
        UnknownMessageError: its package is not installed, or has no such message.
    """
    package, _, name = message_type.split("/")
    try:
        return getattr(import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError) as error:
        raise UnknownMessageError(
            f"message type {message_type} is not installed here ({error}); its topics cannot be "
            "recorded"
        ) from error


def message_definition(message_type: str) -> str:
    """The type's definition and those of all types in it, as MCAP's `ros2msg` wants them.

    Raises:
        UnknownMessageError: one of them is not installed.
    """
    package, _, name = message_type.split("/")
    parts = [_text(package, name)]
    for inner_package, inner_name in dict.fromkeys(_inside(message_type)):
        head = f"{_SEPARATOR}\nMSG: {inner_package}/{inner_name}\n"
        parts.append(head + _text(inner_package, inner_name))
    return "\n".join(parts)


def _inside(message_type: str) -> Iterator[tuple[str, str]]:
    """Package and name of every type in a type, and in those."""
    for field in message_class(message_type).get_fields_and_field_types().values():
        found = _NESTED.search(field)
        if found is not None:
            yield found.group(1), found.group(2)
            yield from _inside(f"{found.group(1)}/msg/{found.group(2)}")


def _text(package: str, name: str) -> str:
    try:
        return (Path(get_package_share_directory(package)) / "msg" / f"{name}.msg").read_text()
    except (PackageNotFoundError, OSError) as error:
        raise UnknownMessageError(
            f"{package}/msg/{name}.msg is not installed here; its topics cannot be recorded"
        ) from error
