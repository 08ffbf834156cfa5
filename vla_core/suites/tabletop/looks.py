"""How things on the table look, where that is not as usual: patterns and other colours.

After DIAL's unseen appearances and unseen combinations (section 4.1.1): known things in textures, and
in pairings, that no demonstration has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import mujoco
import numpy as np

from vla_core.suites.tabletop.layout import BLOCKS, PADS, Task

#: Every colour that a thing is named after.
COLOURS = {**BLOCKS, **PADS}
#: Side of a texture [pixels], how often it repeats along a metre, and how much of one is dots.
_SIZE, _REPEAT, _DOTS = 24, 18.0, 0.15
#: The table's: browns, slates, linen.
_TOPS = {
    "brown": ((0.55, 0.38, 0.22), (0.45, 0.29, 0.16)),
    "slate": ((0.30, 0.33, 0.38), (0.36, 0.39, 0.45)),
    "linen": ((0.86, 0.83, 0.76), (0.72, 0.68, 0.60)),
}
_TEXTURE = mujoco.mjtTexture


def add_textures(spec: mujoco.MjSpec) -> None:
    """Patterns in the colours of the things, and for the table."""
    for names, form in ((BLOCKS, _TEXTURE.mjTEXTURE_CUBE), (PADS, _TEXTURE.mjTEXTURE_2D)):
        for name, colour in names.items():
            dark = tuple(0.45 * part for part in colour)
            _add_material(spec, f"{name} checked", form, colour, dark, dotted=False)
            _add_material(spec, f"{name} dotted", form, colour, dark, dotted=True)
    for name, (one, other) in _TOPS.items():
        _add_material(spec, f"table {name}", _TEXTURE.mjTEXTURE_2D, one, other, dotted=False)


def _add_material(
    spec: mujoco.MjSpec, name: str, form: int, one: tuple, other: tuple, dotted: bool
) -> None:
    texture = spec.add_texture(
        name=name, type=form, width=_SIZE, height=_SIZE, rgb1=one, rgb2=other,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
    )  # fmt: skip
    if dotted:
        texture.builtin, texture.mark = (
            mujoco.mjtBuiltin.mjBUILTIN_FLAT, mujoco.mjtMark.mjMARK_RANDOM,
        )  # fmt: skip
        texture.markrgb, texture.random = other, _DOTS
    material = spec.add_material(name=name, texuniform=True, texrepeat=(_REPEAT, _REPEAT))
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name


def dress(model: mujoco.MjModel, rng: np.random.Generator) -> None:
    """Give each thing a pattern in its own colour, the table one of its own, the lamp another tint."""
    for kind, names in (("block", BLOCKS), ("pad", PADS)):
        for name in names:
            _paint(model, f"{name}_{kind}", f"{name} {rng.choice(['checked', 'dotted'])}")
    _paint(model, "table", f"table {rng.choice(list(_TOPS))}")
    model.light("lamp").diffuse[:] *= rng.uniform(0.8, 1.15, 3)


def _paint(model: mujoco.MjModel, geom: str, material: str) -> None:
    model.geom(geom).matid = model.material(material).id
    model.geom(geom).rgba[:] = 1.0


@dataclass(frozen=True)
class Colours:
    """Which colour each block and pad has, by its usual one."""

    blocks: Mapping[str, str]
    pads: Mapping[str, str]

    def usually(self, task: Task) -> Task | None:
        """The task of the block and the pad that have the colours of `task`; None: there are none."""
        found = (
            Task(block, pad)
            for block, pad in product(self.blocks, self.pads)
            if (self.blocks[block], self.pads[pad]) == (task.block, task.pad)
        )
        return next(found, None)

    def paint(self, model: mujoco.MjModel) -> None:
        """As they are."""
        for kind, names in (("block", self.blocks), ("pad", self.pads)):
            for usual, name in names.items():
                model.geom(f"{usual}_{kind}").rgba[:3] = COLOURS[name]


USUAL_COLOURS = Colours({name: name for name in BLOCKS}, {name: name for name in PADS})


def mixed_colours(rng: np.random.Generator, task: Task) -> Colours:
    """Blocks and pads have each others' colours, and the told pair is one that is never told."""
    while True:
        drawn = [str(name) for name in rng.permutation(list(COLOURS))]
        blocks = dict(zip(BLOCKS, drawn, strict=False))
        pads = dict(zip(PADS, drawn[len(BLOCKS) :], strict=True))
        if blocks[task.block] in PADS or pads[task.pad] in BLOCKS:
            return Colours(blocks, pads)

