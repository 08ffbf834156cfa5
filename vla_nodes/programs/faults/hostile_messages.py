"""Messages that go wrong in every field, made from their definitions alone; seeded.

A message type that is new is covered without being named: fields, types, bounds and what is nested
are read from the class.
"""

from __future__ import annotations

import copy
import re
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from builtin_interfaces.msg import Time
from rclpy.serialization import serialize_message

from vla_core.types import NANOSECONDS
from vla_nodes.wire.message_definitions import message_class

#: Largest sequence of numbers or of anything else, and longest text, that is made.
_MOST_NUMBERS, _MOST_ITEMS, _LONGEST_TEXT = 1 << 18, 1 << 11, 1 << 20
#: Share of messages that are broken as bytes, and of those broken in a second field.
_AS_BYTES, _TWICE = 0.1, 0.3
_SEQUENCE = re.compile(r"sequence<(?P<item>[^,]+)(, (?P<most>\d+))?>|(?P<of>.+)\[(?P<size>\d+)\]")
_BOUNDED_TEXT = re.compile(r"w?string<(?P<most>\d+)>")
_TEXTS = (
    "", "\x1b[2J\x1b[H", "\r\n" * 500, "\x07\x08\x7f\x9b", "%s%n{0}{x!r}", "../../../etc/passwd",
    "(2,", "O", "nan", "-1", "é漢\u202e" * 99, "none of the robot's", "x" * _LONGEST_TEXT,
)  # fmt: skip
_FLOATS = (
    float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1e-40, 1.0, -1.0, 250.0, 1e9, -1e9, 3e38,
    -3e38,
)  # fmt: skip
_TYPECODES = {
    "double": "d", "float": "f", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H",
    "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
}  # fmt: skip


class Hostile(NamedTuple):
    """A message that has gone wrong, or its bytes.

    Attributes:
        field: what was changed first, such as `header.stamp.sec`; `bytes`: the whole.
    """

    message: Any
    field: str


class HostileMessages:
    """Goes through the fields of a type in random order, again and again.

    Args:
        kind: class of a message, or of a service's request.
        seed: of the choices.

    Attributes:
        changed: how often each field was.
    """

    def __init__(self, kind: type, seed: int) -> None:
        self._kind = kind
        self._rng = np.random.default_rng(seed)
        self._fields = list(field_paths(kind))
        self._deck: list[tuple[str, ...]] = []
        self.changed: Counter[str] = Counter({".".join(path): 0 for path in self._fields})

    def next(self, good: Any | None = None) -> Hostile:
        """Another one; from a message that was good, if there is one, with its stamps of now."""
        message = self._kind() if good is None else _restamped(copy.deepcopy(good))
        if not self._fields:
            return Hostile(message, "")
        field = self._change(message)
        if self._rng.random() < _TWICE:
            self._change(message)
        if self._rng.random() < _AS_BYTES:
            return Hostile(self._broken(serialize_message(message)), "bytes")
        return Hostile(message, field)

    def _change(self, message: Any) -> str:
        if not self._deck:
            self._deck = [self._fields[i] for i in self._rng.permutation(len(self._fields))]
        path = self._deck.pop()
        _Change(self._rng).at(message, path)
        name = ".".join(path)
        self.changed[name] += 1
        return name

    def _broken(self, data: bytes) -> bytes:
        """Cut short, longer, or with other bits."""
        kept = bytearray(data[: _LONGEST_TEXT])
        choice = self._rng.integers(3)
        if choice == 0:
            return bytes(kept[: self._rng.integers(len(kept) + 1)])
        if choice == 1:
            return bytes(kept) + self._rng.bytes(int(self._rng.integers(1, 4096)))
        for place in self._rng.integers(len(kept), size=4):
            kept[place] = int(self._rng.choice((0, 1, 127, 128, 255, kept[place] ^ 1)))
        return bytes(kept)


def field_paths(kind: type) -> Iterator[tuple[str, ...]]:
    """Every field of a type, and of what is nested in it."""
    empty = kind()
    for name, field in kind.get_fields_and_field_types().items():
        if name == "structure_needs_at_least_one_member":
            continue
        yield (name,)
        found = _SEQUENCE.fullmatch(field)
        item = (found["item"] or found["of"]) if found else field
        if "/" in item:
            inner = _nested(item) if found else type(getattr(empty, name))
            for path in field_paths(inner):
                yield (name, *path)


class _Change:
    """Makes one field of a message wrong."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def at(self, message: Any, path: tuple[str, ...]) -> None:
        """The field at `path`; of a sequence on the way, any item, one is added to an empty one."""
        name, kind = path[0], message.get_fields_and_field_types()[path[0]]
        value = getattr(message, name)
        if len(path) == 1:
            setattr(message, name, self._wrong(kind, value))
            return
        found = _SEQUENCE.fullmatch(kind)
        if found is None:
            self.at(value, path[1:])
            return
        items = list(value) or [_nested(found["item"] or found["of"])()]
        self.at(items[self._rng.integers(len(items))], path[1:])
        setattr(message, name, items)

    def _wrong(self, kind: str, value: Any) -> Any:
        found = _SEQUENCE.fullmatch(kind)
        if found is not None and found["size"]:
            return self._wrong_items(found["of"], list(value), fixed=True)
        if found is not None:
            items = self._wrong_items(found["item"], list(value))
            return items[: int(found["most"])] if found["most"] else items
        if "/" in kind:
            name = self._pick(list(value.get_fields_and_field_types()))
            self.at(value, (name,))
            return value
        return self._wrong_item(kind, value)

    def _wrong_item(self, kind: str, value: Any) -> Any:
        if kind == "boolean":
            return not value
        if kind == "octet":
            return bytes([int(self._rng.integers(256))])
        if "string" in kind:
            bound = _BOUNDED_TEXT.fullmatch(kind)
            text = self._pick((*_TEXTS, value + value, value[:-1], value.upper()))
            return text[: int(bound["most"])] if bound else text
        if kind in ("double", "float"):
            return float(self._pick((*_FLOATS, -value, value * 1e6, value + 1.0)))
        bits = int(re.search(r"\d+", kind)[0]) if re.search(r"\d+", kind) else 8
        least = 0 if kind.startswith("u") or kind == "char" else -(1 << (bits - 1))
        most = least + (1 << bits) - 1
        number = int(value)
        wanted = self._pick((least, most, most // 2, 0, 1, -1, 65, 250, number + 1, number - 1))
        return min(max(wanted, least), most)

    def _wrong_items(self, kind: str, items: list[Any], fixed: bool = False) -> Any:
        """Another length, another order, one item wrong or twice."""

        def one_wrong() -> list[Any]:
            if items:
                place = int(self._rng.integers(len(items)))
                items[place] = self._wrong(kind, items[place])
            return items

        ways: list[Callable[[], list[Any]]] = [one_wrong, lambda: items[::-1]]
        if not fixed:
            ways += [
                lambda: [],
                lambda: items[:-1],
                lambda: items + items[:1],
                lambda: [*items, self._item(kind)],
                lambda: [*items, self._wrong(kind, self._item(kind))],
                lambda: self._many(kind, items),
            ]
        made = self._pick(ways)()
        return array(_TYPECODES[kind], made) if kind in _TYPECODES else made

    def _many(self, kind: str, items: list[Any]) -> list[Any]:
        most = _MOST_NUMBERS if kind in _TYPECODES else _MOST_ITEMS
        number = int(self._rng.integers(1, most))
        if "/" in kind:  # each its own, and small: one of them may be made large afterwards
            return [self._item(kind) for _ in range(number)]
        return [items[0] if items else self._item(kind)] * number

    def _item(self, kind: str) -> Any:
        if "/" in kind:
            return _nested(kind)()
        if "string" in kind:
            return ""
        zeros = {"boolean": False, "octet": b"\0", "double": 0.0, "float": 0.0}
        return zeros.get(kind, 0)

    def _pick(self, choices: Any) -> Any:
        return choices[int(self._rng.integers(len(choices)))]


def _nested(kind: str) -> type:
    package, name = kind.split("/")
    return message_class(f"{package}/msg/{name}")


def _restamped(message: Any) -> Any:
    """A message whose stamps are of now, where they were of a time at all."""
    seconds, nanoseconds = divmod(time.time_ns(), NANOSECONDS)
    for name, kind in message.get_fields_and_field_types().items():
        value = getattr(message, name)
        if isinstance(value, Time) and value.sec:
            value.sec, value.nanosec = seconds, nanoseconds
        elif kind == "std_msgs/Header" and value.stamp.sec:
            value.stamp = Time(sec=seconds, nanosec=nanoseconds)
    return message
