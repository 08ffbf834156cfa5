"""How near a robot may come to itself and to its surroundings, and how fast its hands may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import numpy as np


class PairKind(Enum):
    """What two shapes belong to; each kind has its own margin."""

    SELF = "self"
    ARMS = "arms"
    TABLE = "table"
    KEEP_OUT = "keep_out"

    def __str__(self) -> str:
        """As in the YAML."""
        return self.value


class HandSpeedMode(Enum):
    """What moves the hands; each has its own speed limit."""

    POLICY = "policy"
    TELEOP = "teleop"
    READY = "ready"


@dataclass(frozen=True)
class Margin:
    """Distances of a kind of pair.

    Attributes:
        hard_m: never nearer [m].
        soft_m: slow down from here on [m].
    """

    hard_m: float
    soft_m: float


@dataclass(frozen=True)
class TrackingLimit:
    """Position error of a group's joints at which the command slows down, and stops [unit]."""

    slow: float
    stop: float


@dataclass(frozen=True, eq=False)
class Box:
    """A box that stands still in the base frame.

    Attributes:
        kind: TABLE or KEEP_OUT.
        centre: `(3,)` [m].
        rpy: `(3,)` roll, pitch, yaw, as in a URDF [rad].
        size: `(3,)` edges [m].
        allowed: links that are not compared with it.
    """

    name: str
    kind: PairKind
    centre: np.ndarray
    rpy: np.ndarray
    size: np.ndarray
    allowed: frozenset[str]


#: Thicker than anything gets through between two looks [m].
_WALL_M = 1.0
_WALLS = (("back", "front"), ("right", "left"), ("bottom", "top"))


@dataclass(frozen=True, eq=False)
class Workspace:
    """Where the hands stay: a box in the base frame, kept by six keep-out boxes around it.

    Attributes:
        lower, upper: `(3,)` its corners [m].
        outside: links that may leave it.
    """

    lower: np.ndarray
    upper: np.ndarray
    outside: frozenset[str]

    def walls(self) -> tuple[Box, ...]:
        """What stands around it."""
        found = []
        for axis, names in enumerate(_WALLS):
            for name, end, way in zip(names, (self.lower, self.upper), (-1, 1), strict=True):
                centre = (self.lower + self.upper) / 2
                centre[axis] = end[axis] + way * _WALL_M / 2
                size = self.upper - self.lower + 2 * _WALL_M
                size[axis] = _WALL_M
                found.append(
                    Box(f"workspace_{name}", PairKind.KEEP_OUT, centre, np.zeros(3), size,
                        self.outside)
                )  # fmt: skip
        return tuple(found)


class HullShape(Enum):
    """Shape that encloses the links of a body."""

    CAPSULE = "capsule"
    BOX = "box"


@dataclass(frozen=True)
class BodyDescription:
    """Links that are compared as one with the rest of the robot.

    A hull encloses their shapes wherever the joints between them stand. Only where it comes near
    something, the shapes themselves are compared.

    Attributes:
        link: the one that carries the hull; the others hang on it.
        links: all of them.
        hull: shape of the hull.
    """

    name: str
    link: str
    links: tuple[str, ...]
    hull: HullShape


@dataclass(frozen=True, eq=False)
class SafetyDescription:
    """A robot's safety description, checked against its URDF.

    Attributes:
        source: the YAML it was read from.
        srdf: the SRDF that allows pairs of links to touch.
        allowed: those pairs, as sets of two link names.
        margins: for every kind.
        bodies: by name; a link that is in none is one by itself.
        boxes: by name.
        workspace: where the hands stay; None: anywhere.
        hand_speed: limit of the grasp frames' speed [m/s].
        tracking: by group; every group has one.
        estop_heartbeat_s: longest time between two messages of the e-stop [s]; 0: none are needed.
    """

    source: Path
    srdf: Path
    allowed: frozenset[frozenset[str]]
    margins: Mapping[PairKind, Margin]
    bodies: Mapping[str, BodyDescription]
    boxes: Mapping[str, Box]
    workspace: Workspace | None
    hand_speed: Mapping[HandSpeedMode, float]
    tracking: Mapping[str, TrackingLimit]
    estop_heartbeat_s: float

    def with_wider_arms(self, by_m: float) -> SafetyDescription:
        """The same with larger margins between the arms, by `by_m` [m]."""
        arms = self.margins[PairKind.ARMS]
        wider = Margin(arms.hard_m + by_m, arms.soft_m + by_m)
        return replace(self, margins={**self.margins, PairKind.ARMS: wider})
