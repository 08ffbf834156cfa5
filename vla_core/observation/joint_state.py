"""A measured joint state, and the reader of one message of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vla_core.errors import JointMismatchError, ObservationError
from vla_core.types import NANOSECONDS


@dataclass(frozen=True)
class JointState:
    """Measured `(dof,)` position [rad] and velocity [rad/s] in canonical order, at `stamp_ns`."""

    stamp_ns: int
    position: np.ndarray
    velocity: np.ndarray


class JointValues(NamedTuple):
    """What one message tells of the robot's joints.

    Attributes:
        places: `(n,)` their places in the canonical order; all of them in order where
            `is_whole`.
        position: `(n,)` [rad].
        velocity: `(n,)` [rad/s]; None where the message tells none, or less than all.
        is_whole: whether every joint of the robot is there.
    """

    places: np.ndarray
    position: np.ndarray
    velocity: np.ndarray | None
    is_whole: bool


class JointStateReader:
    """Orders a message's joints by name and refuses what is none; ignores joints of other robots.

    Args:
        joint_names: canonical order.
        source: what carries them, for messages.
    """

    def __init__(self, joint_names: Sequence[str], source: str = "joint state") -> None:
        self._joint_names = tuple(joint_names)
        self._source = source
        self._orders: dict[tuple[str, ...], tuple[np.ndarray, np.ndarray]] = {}

    def read(
        self, names: Sequence[str], position: np.ndarray, velocity: np.ndarray
    ) -> JointValues:
        """Check and reorder.

        A velocity that is not told (an empty list, fewer than names, NaN) is unknown.

        Args:
            names: joints, in the order of the arrays.
            position: one number a name.
            velocity: one number a name, or none.

        Raises:
            JointMismatchError: a joint of the robot is named twice.
            ObservationError: wrong length, or not finite.
        """
        names = tuple(names)
        places, columns = self._order(names)
        try:
            position, velocity = np.asarray(position, float), np.asarray(velocity, float)
        except (TypeError, ValueError) as error:
            raise ObservationError(f"{self._source}: no arrays of numbers: {error}") from None
        if position.shape != (len(names),):
            raise ObservationError(
                f"{self._source}: {len(names)} names, but position has shape {position.shape}"
            )
        position = position[columns]
        finite = np.isfinite(position)
        if not finite.all():
            joint = int(np.argmin(finite))
            raise ObservationError(
                f"{self._source}: joint {self._joint_names[places[joint]]} is not finite: position "
                f"{position[joint]}"
            )
        known = None
        if velocity.shape == (len(names),):
            velocity = velocity[columns]
            known = velocity if np.isfinite(velocity).all() else None
        return JointValues(places, position, known, len(places) == len(self._joint_names))

    def read_whole(self, names: Sequence[str], position: np.ndarray) -> np.ndarray:
        """`(dof,)` positions of a message that has to hold every joint.

        Raises:
            JointMismatchError: a joint is missing, or named twice.
            ObservationError: wrong length, or not finite.
        """
        values = self.read(names, position, np.empty(0))
        if not values.is_whole:
            missing = [name for name in self._joint_names if name not in names]
            raise JointMismatchError(self._source, missing, ())
        return values.position

    def _order(self, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Canonical places, and where they are; remembered, as publishers keep their order."""
        order = self._orders.get(names)
        if order is None:
            twice = [name for name in self._joint_names if names.count(name) > 1]
            if twice:
                raise JointMismatchError(self._source, (), [f"{name} (twice)" for name in twice])
            there = [(i, names.index(n)) for i, n in enumerate(self._joint_names) if n in names]
            places, columns = np.array(there, dtype=int).reshape(-1, 2).T
            if len(self._orders) >= _MOST_ORDERS:  # names that change with every message
                self._orders.clear()
            order = self._orders[names] = (places, columns)
        return order


#: Publishers of one robot's joint states, at most; what is remembered is bounded by it.
_MOST_ORDERS = 16


def age_s(stamp_ns: int, now_ns: int) -> float:
    """Seconds since `stamp_ns`; zero for a stamp slightly ahead."""
    return max(0.0, (now_ns - stamp_ns) / NANOSECONDS)
