"""YAML whose every value is asked for by name and type; what nobody asked for is an error."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from vla_core.errors import RobotDescriptionError
from vla_core.robot.topics import TOPIC


class _NoRepeatedKeys(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Of libyaml, which is ten times as fast, where PyYAML was built with it.

    PyYAML keeps the last of two equal keys without a word; a joint listed twice is a mistake.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        repeated = sorted({str(key) for key in keys if keys.count(key) > 1})
        if repeated:
            raise yaml.constructor.ConstructorError(
                problem=f"keys given twice: {', '.join(repeated)}", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


class CheckedMapping:
    """A mapping of a YAML file, with the path of keys that leads to it for messages.

    Take every key with the method of its type, then call `done()`.
    """

    def __init__(self, file: str, keys: tuple[str, ...], raw: object) -> None:
        self.file = file
        self.keys = keys
        if not isinstance(raw, Mapping):
            raise RobotDescriptionError(self.where(), f"got {raw!r}, expected a mapping")
        self._raw = dict(raw)
        self._known: set[str] = set()

    @classmethod
    def read(cls, path: Path) -> CheckedMapping:
        """Parse a file.

        Raises:
            RobotDescriptionError: unreadable, not YAML, a key given twice, or not a mapping.
        """
        try:
            return cls(str(path), (), yaml.load(path.read_text(), Loader=_NoRepeatedKeys))
        except (OSError, yaml.YAMLError) as error:
            raise RobotDescriptionError(str(path), f"cannot be read: {error}") from error

    def where(self, key: str | None = None) -> str:
        """File and dotted key, for messages."""
        keys = (*self.keys, key) if key is not None else self.keys
        return f"{self.file}, {'.'.join(keys)}" if keys else self.file

    def __contains__(self, key: str) -> bool:
        """Whether an optional key is given; asking makes it a known key."""
        self._known.add(key)
        return key in self._raw

    def _take(self, key: str) -> Any:
        self._known.add(key)
        if key not in self._raw:
            raise RobotDescriptionError(self.where(key), "is missing; add it")
        return self._raw[key]

    def text(self, key: str) -> str:
        """A string that is not empty."""
        value = self._take(key)
        if not isinstance(value, str) or not value:
            raise RobotDescriptionError(self.where(key), f"got {value!r}, expected text")
        return value

    def topic(self, key: str) -> str:
        """A topic's name, relative or absolute."""
        return self._topic(key, self.text(key))

    def topics(self, key: str) -> tuple[str, ...]:
        """A list of topics' names."""
        return tuple(self._topic(key, name) for name in self.texts(key))

    def _topic(self, key: str, name: str) -> str:
        if TOPIC.fullmatch(name) is None:
            raise RobotDescriptionError(
                self.where(key),
                f"got {name!r}, expected a topic of letters, digits and _ between single slashes, "
                "relative or, with a slash before it, absolute",
            )
        return name

    def choice(self, key: str, choices: type) -> Any:
        """A member of an enumeration, by its value."""
        value = self._take(key)
        known = [member.value for member in choices]
        if value not in known:
            raise RobotDescriptionError(
                self.where(key), f"got {value!r}, expected one of {', '.join(known)}"
            )
        return choices(value)

    def number(self, key: str) -> float:
        """A finite number."""
        return self._number(self._take(key), key)

    def positive(self, key: str) -> float:
        """A finite number above zero."""
        value = self.number(key)
        if value <= 0:
            raise RobotDescriptionError(self.where(key), f"got {value}, expected more than 0")
        return value

    def pixels(self, key: str) -> int:
        """A whole number above zero."""
        value = self._take(key)
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise RobotDescriptionError(self.where(key), f"got {value!r}, expected whole pixels")
        return value

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of finite numbers."""
        value = self._take(key)
        if not isinstance(value, list):
            raise RobotDescriptionError(self.where(key), f"got {value!r}, expected a list")
        return tuple(self._number(item, key) for item in value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings, none empty."""
        value = self._take(key)
        if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
            raise RobotDescriptionError(self.where(key), f"got {value!r}, expected a list of text")
        return tuple(value)

    def mapping(self, key: str) -> CheckedMapping:
        """A mapping inside this one."""
        return CheckedMapping(self.file, (*self.keys, key), self._take(key))

    def mappings(self, key: str) -> dict[str, CheckedMapping]:
        """Mappings by name, in the file's order."""
        inner = self.mapping(key)
        return {name: inner.mapping(name) for name in inner.names()}

    def names(self) -> list[str]:
        """Keys in the file's order."""
        return [str(key) for key in self._raw]

    def done(self) -> None:
        """Refuse keys that nobody asked for.

        Raises:
            RobotDescriptionError: an unknown key, with those that are known.
        """
        unknown = sorted(set(self.names()) - self._known)
        if unknown:
            raise RobotDescriptionError(
                self.where(),
                f"got unknown keys {', '.join(unknown)}; known are {', '.join(sorted(self._known))}",
            )

    def _number(self, value: object, key: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RobotDescriptionError(self.where(key), f"got {value!r}, expected a number")
        if not math.isfinite(value):
            raise RobotDescriptionError(self.where(key), f"got {value}, expected a finite number")
        return float(value)
