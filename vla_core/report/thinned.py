"""A stream in bounded memory: evenly spread samples of all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


def first_stays(first: T, second: T) -> T:
    """Of two neighbours."""
    return first


class Thinned(Generic[T]):
    """Keeps every k-th item; k doubles whenever too many are kept.

    Args:
        most: items that are kept, at most; even.
        join: makes one item of two neighbours; else the first of them stays.

    Attributes:
        items: what is kept, in order.
        every: k.
        number: how many there were.
    """

    def __init__(self, most: int, join: Callable[[T, T], T] = first_stays) -> None:
        self._most = most
        self._join = join
        self.items: list[T] = []
        self.every = 1
        self.number = 0

    def add(self, item: T) -> None:
        """Take the next one."""
        if self.number % self.every:
            self.items[-1] = self._join(self.items[-1], item)
        else:
            if len(self.items) == self._most:
                pairs = zip(self.items[::2], self.items[1::2], strict=True)
                self.items = [self._join(first, second) for first, second in pairs]
                self.every *= 2
            self.items.append(item)
        self.number += 1


def larger(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    """Of two `(time, value)`, so that peaks stay visible."""
    return second if second[1] > first[1] else first
