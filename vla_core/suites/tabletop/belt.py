"""A belt that carries the blocks past the robot, after F1's moving belt (section 3.4.1, figure 7)."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np

from vla_core.suites.tabletop.layout import BLOCKS, BLOCK_HALF, Layout

#: How fast it is [m/s]; F1 does not say how fast theirs is.
SPEED = 0.03
#: Its middle and half of its width along x, half of its length along y and of its thickness [m].
_X, _HALF_WIDTH, _HALF_LENGTH, _HALF_HEIGHT = 0.275, 0.04, 1.3, 0.002
#: Where the told block begins, its least and greatest distance from the middle; where the others
#: may, and how far from each other [m].
_TOLD, _FARTHEST, _APART = (0.12, 0.26), 0.30, 0.11
#: Pads lie behind it [m].
_PADS_X = 0.375
#: So heavy that what lies on it does not slow it [kg].
_MASS = 1e4


def add_belt(spec: mujoco.MjSpec) -> None:
    """A long plate that slides along y, and carries by friction."""
    spec.add_texture(
        name="belt", type=mujoco.mjtTexture.mjTEXTURE_2D, width=16, height=16,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER, rgb1=(0.16, 0.17, 0.18), rgb2=(0.24, 0.25, 0.27),
    )  # fmt: skip
    material = spec.add_material(name="belt", texrepeat=(1.0, _HALF_LENGTH / _HALF_WIDTH))
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "belt"
    body, table = spec.worldbody.add_body(name="belt", pos=(_X, 0, _HALF_HEIGHT)), spec.geom("table")
    body.add_joint(name="belt", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=(0, 1, 0))
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX, size=(_HALF_WIDTH, _HALF_LENGTH, _HALF_HEIGHT),
        material="belt", mass=_MASS, contype=table.contype, conaffinity=table.conaffinity,
    )  # fmt: skip


def on_belt(rng: np.random.Generator, layout: Layout) -> Layout:
    """The same task, the blocks on the belt and the pads behind it."""
    told = layout.task.block
    y = {told: rng.uniform(*_TOLD) * rng.choice([-1.0, 1.0])}
    while len(y) < len(BLOCKS):
        name = next(name for name in BLOCKS if name not in y)
        place = rng.uniform(-_FARTHEST, _FARTHEST)
        if min(abs(place - other) for other in y.values()) > _APART:
            y[name] = place
    return replace(
        layout,
        blocks={name: np.array((_X, y[name])) for name in layout.blocks},
        pads={name: np.array((_PADS_X, place[1])) for name, place in layout.pads.items()},
    )


def start(data: mujoco.MjData, layout: Layout) -> None:
    """Blocks lie on it, and it carries the told one towards the middle."""
    for name in layout.blocks:
        data.joint(f"{name}_block").qpos[2] = BLOCK_HALF + 2 * _HALF_HEIGHT
    data.joint("belt").qvel[0] = -SPEED * np.sign(layout.blocks[layout.task.block][1])
