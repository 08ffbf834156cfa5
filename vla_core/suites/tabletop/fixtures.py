"""Things that stand on the table and have one part that slides: a drawer, a button, boxes with lids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np

#: What they are painted with.
WOOD, STEEL, RED = (0.62, 0.45, 0.30, 1.0), (0.35, 0.37, 0.42, 1.0), (0.80, 0.10, 0.10, 1.0)
#: Thickness of walls [m].
_WALL = 0.004
_OUT, _DOWN = (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)


@dataclass(frozen=True)
class Fixture:
    """In a frame of its own on the table's top, y away from the robot's middle.

    Attributes:
        name: of its body and its joint; `NAME part` is that of the body that slides.
        make: adds what it is made of to its body, in a scene whose table is given.
        counts_at: it has been used when the part has slid so far [m].
        full_at: who uses it goes on until here, to be sure [m].
        over_at: it can be used again when the part is no farther than this again [m].
        push_at: `(3,)` middle of a hand that touches the part to push it, in the part's frame [m].
        push_along: `(3,)` where to, a unit vector.
        low, high: where it stands, x and distance from the middle [m].
        side: which arm's it is, `left` or `right`; empty: either's.
    """

    name: str
    make: Callable[[mujoco.MjsBody, mujoco.MjsGeom], None]
    counts_at: float
    full_at: float
    over_at: float
    push_at: tuple[float, float, float]
    push_along: tuple[float, float, float]
    low: tuple[float, float]
    high: tuple[float, float]
    side: str = ""

    @property
    def part(self) -> str:
        """The body that slides."""
        return f"{self.name} part"

    def place(self, rng: np.random.Generator) -> np.ndarray:
        """`(2,)` x, y of where it stands [m]."""
        x, away = rng.uniform(self.low, self.high)
        side = self.side or rng.choice(["left", "right"])
        return np.array((x, away if side == "left" else -away))

    def add(self, spec: mujoco.MjSpec) -> None:
        """Stand it somewhere in a scene that is about to be compiled."""
        self.make(spec.worldbody.add_body(name=self.name), spec.geom("table"))

    def stand(self, model: mujoco.MjModel, place: np.ndarray) -> None:
        """Stand it at `(2,)` x, y, its own y away from the robot's middle."""
        body = model.body(self.name)
        body.pos[:2] = place
        body.quat[:] = (1.0, 0.0, 0.0, 0.0) if place[1] > 0 else (0.0, 0.0, 0.0, 1.0)

    def slid(self, data: mujoco.MjData) -> float:
        """How far its part has slid [m]."""
        return float(data.joint(self.name).qpos[0])

    def push(self, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
        """Where a hand pushes the part now, and which way; `(3,)` both, in the base frame."""
        rotation = data.body(self.name).xmat.reshape(3, 3)
        part = data.body(self.part).xpos
        return part + rotation @ self.push_at, rotation @ self.push_along


def _box(body: mujoco.MjsBody, like: mujoco.MjsGeom, half, at, colour, mass: float = 0.02) -> None:
    """Touches what the table touches."""
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX, size=half, pos=at, rgba=colour, mass=mass,
        contype=like.contype, conaffinity=like.conaffinity,
    )  # fmt: skip


def _slider(body: mujoco.MjsBody, along, reach: float, at=(0, 0, 0), **joint) -> mujoco.MjsBody:
    """The part of a fixture, which slides from 0 to `reach` [m]."""
    part = body.add_body(name=f"{body.name} part", pos=at, gravcomp=1.0)
    part.add_joint(
        name=body.name, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=along, range=(0.0, reach),
        limited=mujoco.mjtLimited.mjLIMITED_TRUE, **joint,
    )  # fmt: skip
    return part


#: Half of the drawer's chest, and how far the drawer stands open [m].
_CHEST, _OPEN = (0.055, 0.045, 0.035), 0.08


def _drawer(body: mujoco.MjsBody, like: mujoco.MjsGeom) -> None:
    depth, width, height = _CHEST
    for x in (-depth, depth):
        _box(body, like, (_WALL, width, height), (x, 0, height), WOOD)
    _box(body, like, (depth, _WALL, height), (0, -width, height), WOOD)
    _box(body, like, (depth + _WALL, width + _WALL, _WALL), (0, 0, 2 * height), WOOD)
    part = _slider(
        body, (0, -1, 0), _OPEN, at=(0, _OPEN, 0), damping=[4.0, 0, 0], frictionloss=0.4
    )
    low, inner = height - 3 * _WALL, depth - 3 * _WALL
    _box(part, like, (depth, _WALL, height - _WALL), (0, width + _WALL, height), STEEL)
    _box(part, like, (inner, width - _WALL, _WALL / 2), (0, 0, 2 * _WALL), STEEL)
    for x in (-inner, inner):
        _box(part, like, (_WALL / 2, width - _WALL, low / 2), (x, 0, low / 2 + 2 * _WALL), STEEL)
    _box(part, like, (0.02, 0.006, 0.006), (0, width + 0.012, height), RED)


#: How deep the button's cap goes [m], and what its spring needs for that [N].
_STROKE, _PRESS_N = 0.03, 4.0


def _button(body: mujoco.MjsBody, like: mujoco.MjsGeom) -> None:
    _box(body, like, (0.045, 0.045, 0.012), (0, 0, 0.012), STEEL)
    part = _slider(
        body, _DOWN, _STROKE, at=(0, 0, 0.042), stiffness=[_PRESS_N / _STROKE, 0, 0],
        damping=[1.5, 0, 0],
    )  # fmt: skip
    part.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=(0.03, 0.018, 0), rgba=RED, mass=0.02,
        contype=like.contype, conaffinity=like.conaffinity,
    )  # fmt: skip


#: Half of a box, and how far its lid opens [m], against how much [N/m].
_BOX, _LID, _LID_SPRING = (0.05, 0.05, 0.029), 0.08, 12.0


def _lidded(body: mujoco.MjsBody, like: mujoco.MjsGeom) -> None:
    depth, width, height = _BOX
    for x in (-depth, depth):
        _box(body, like, (_WALL, width, height), (x, 0, height), WOOD)
    for y in (-width, width):
        _box(body, like, (depth, _WALL, height), (0, y, height), WOOD)
    part = _slider(
        body, _OUT, _LID, at=(0, 0, 2 * height + _WALL), stiffness=[_LID_SPRING, 0, 0],
        damping=[4.0, 0, 0],
    )  # fmt: skip
    _box(part, like, (depth + _WALL, width + _WALL, _WALL / 2), (0, 0, 0), STEEL)
    _box(part, like, (0.03, 0.006, 0.025), (0, width - 0.006, 0.025), RED)


DRAWER = Fixture(
    "drawer", _drawer, counts_at=_OPEN - 0.01, full_at=_OPEN - 0.003, over_at=-1.0,
    push_at=(0.0, 0.09, 0.04), push_along=(0.0, -1.0, 0.0), low=(0.29, 0.08), high=(0.34, 0.11),
)  # fmt: skip
BUTTON = Fixture(
    "button", _button, counts_at=0.018, full_at=0.026, over_at=0.006,
    push_at=(0.0, 0.0, 0.045), push_along=_DOWN, low=(0.28, 0.08), high=(0.36, 0.22),
)  # fmt: skip
BOXES = tuple(
    Fixture(
        f"{side} box", _lidded, counts_at=0.055, full_at=0.07, over_at=0.015,
        push_at=(0.0, 0.0, 0.035), push_along=_OUT, low=(0.34, 0.14), high=(0.38, 0.19), side=side,
    )
    for side in ("right", "left")
)  # fmt: skip
