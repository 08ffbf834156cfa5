"""Newest measured joint state, checked at the door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vla_core.errors import JointMismatchError, ObservationError
from vla_core.types import NANOSECONDS


@dataclass(frozen=True)
class JointState:
    """Measured `(dof,)` position [rad] and velocity [rad/s] in canonical order, at `stamp_ns`."""

    stamp_ns: int
    position: np.ndarray
    velocity: np.ndarray


class JointStateReader:
    """Orders joint states by name and refuses what is none; ignores joints of other robots.

    Args:
        joint_names: canonical order.
        source: what carries them, for messages.
    """

    def __init__(self, joint_names: Sequence[str], source: str = "joint state") -> None:
        self._joint_names = tuple(joint_names)
        self._source = source
        self._given: tuple[str, ...] = ()
        self._columns = np.empty(0, dtype=int)

    def read(
        self, names: Sequence[str], position: np.ndarray, velocity: np.ndarray, stamp_ns: int
    ) -> JointState:
        """Check and reorder.

        Args:
            names: joints, in the order of the arrays.
            position, velocity: one number a name; an empty velocity stands for zero.

        Raises:
            JointMismatchError: a joint of the robot is missing, or named twice.
            ObservationError: wrong length, or not finite.
        """
        columns = self._order(tuple(names))
        try:
            position, velocity = np.asarray(position, float), np.asarray(velocity, float)
        except (TypeError, ValueError) as error:
            raise ObservationError(f"{self._source}: no arrays of numbers: {error}") from None
        if velocity.size == 0:
            velocity = np.zeros(len(names))
        if position.shape != (len(names),) or velocity.shape != (len(names),):
            raise ObservationError(
                f"{self._source}: {len(names)} names, but position has shape {position.shape} and "
                f"velocity {velocity.shape}"
            )
        position, velocity = position[columns], velocity[columns]
        finite = np.isfinite(position) & np.isfinite(velocity)
        if not finite.all():
            joint = int(np.argmin(finite))
            raise ObservationError(
                f"{self._source}: joint {self._joint_names[joint]} is not finite: position "
                f"{position[joint]}, velocity {velocity[joint]}"
            )
        return JointState(stamp_ns, position, velocity)

    def _order(self, names: tuple[str, ...]) -> np.ndarray:
        """Where each canonical joint is; remembered, as publishers keep their order."""
        if names != self._given:
            missing = [name for name in self._joint_names if name not in names]
            twice = [name for name in self._joint_names if names.count(name) > 1]
            if missing or twice:
                raise JointMismatchError(
                    self._source, missing, [f"{name} (twice)" for name in twice]
                )
            self._columns = np.array([names.index(name) for name in self._joint_names])
            self._given = names
        return self._columns


def age_s(stamp_ns: int, now_ns: int) -> float:
    """Seconds since `stamp_ns`; zero for a stamp slightly ahead."""
    return max(0.0, (now_ns - stamp_ns) / NANOSECONDS)
