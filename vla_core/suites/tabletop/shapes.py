"""What the told things are, where they are no blocks, and what else may lie about.

After DIAL's unseen object types and its unseen distractors (sections 4.1.1 and 4.1.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import mujoco
import numpy as np

from vla_core.suites.tabletop.layout import BLOCKS, BLOCK_HALF, Layout

_GEOM = mujoco.mjtGeom
#: What a block of each colour is instead; as high as a block, and no wider to a hand.
NOUNS: Mapping[str, str] = {"red": "can", "green": "brick", "blue": "cross"}
USUAL_NOUNS: Mapping[str, str] = {name: "block" for name in BLOCKS}
#: Half of the arms' width and length of the cross, half of the brick [m].
_CROSS, _BRICK = (0.011, 0.029), (0.020, 0.034)


class Distractor(NamedTuple):
    """Something that is never told.

    Attributes:
        form: a primitive of MuJoCo's, and its half sizes [m].
        colour: no block's and no pad's.
        height: of its centre above the table [m].
    """

    form: mujoco.mjtGeom
    size: tuple[float, ...]
    colour: tuple[float, float, float]
    height: float


DISTRACTORS: Mapping[str, Distractor] = {
    "orange puck": Distractor(_GEOM.mjGEOM_CYLINDER, (0.032, 0.012), (0.95, 0.45, 0.08), 0.012),
    "white egg": Distractor(_GEOM.mjGEOM_ELLIPSOID, (0.022, 0.03, 0.02), (0.93, 0.93, 0.90), 0.02),
    "brown carton": Distractor(_GEOM.mjGEOM_BOX, (0.02, 0.015, 0.035), (0.45, 0.28, 0.15), 0.035),
    "cyan stick": Distractor(_GEOM.mjGEOM_BOX, (0.012, 0.045, 0.012), (0.10, 0.75, 0.80), 0.012),
}
#: Where they lie, lowest and highest x, y; how far from pads, and from blocks and each other [m].
_FIELD, _FROM_PADS, _APART = ((0.26, -0.33), (0.60, 0.33)), 0.12, 0.085


def reshape(spec: mujoco.MjSpec) -> None:
    """Make blocks into what `NOUNS` says."""
    can, brick, cross = (spec.geom(f"{name}_block") for name in NOUNS)
    can.type, can.size = _GEOM.mjGEOM_CYLINDER, (BLOCK_HALF, BLOCK_HALF, 0)
    brick.size = (*_BRICK, BLOCK_HALF)
    narrow, long = _CROSS
    cross.size = (narrow, long, BLOCK_HALF)
    other = spec.body("blue_block").add_geom(
        name="blue_block_across", type=cross.type, size=(long, narrow, BLOCK_HALF), rgba=cross.rgba
    )
    touch_like(other, cross)


def touch_like(geom: mujoco.MjsGeom, other: mujoco.MjsGeom) -> None:
    """A thing touches as another one does, and weighs as much."""
    for name in ("contype", "conaffinity", "condim", "friction", "solref", "solimp", "mass"):
        setattr(geom, name, getattr(other, name))


def add_distractors(spec: mujoco.MjSpec) -> None:
    """What is never told, somewhere."""
    for name, thing in DISTRACTORS.items():
        body = spec.worldbody.add_body(name=name)
        size = (*thing.size, 0.0, 0.0)[:3]
        geom = body.add_geom(name=name, type=thing.form, size=size, rgba=(*thing.colour, 1.0))
        touch_like(geom, spec.geom(f"{next(iter(BLOCKS))}_block"))
        body.add_freejoint(name=name)


def place_distractors(data: mujoco.MjData, rng: np.random.Generator, layout: Layout) -> None:
    """Lay them about, off the pads and away from the blocks."""
    taken = [(place, _APART) for place in layout.blocks.values()]
    taken += [(place, _FROM_PADS) for place in layout.pads.values()]
    for name, thing in DISTRACTORS.items():
        place = rng.uniform(*_FIELD)
        while any(np.linalg.norm(place - other) < apart for other, apart in taken):
            place = rng.uniform(*_FIELD)
        taken.append((place, _APART))
        half = rng.uniform(0.0, np.pi)
        data.joint(name).qpos[:] = (*place, thing.height, np.cos(half), 0.0, 0.0, np.sin(half))
