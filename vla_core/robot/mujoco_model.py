"""The robot's URDF in MuJoCo, with its visual and its collision geometries kept apart."""

from __future__ import annotations

from pathlib import Path

import mujoco

#: MuJoCo's own convention: groups 0 to 2 are drawn, 3 to 5 are hidden.
VISUAL_GROUP = 2
COLLISION_GROUP = 3


def robot_spec(urdf: Path) -> mujoco.MjSpec:
    """Load a URDF into an editable MuJoCo model.

    MuJoCo marks a URDF's visuals as without contact and draws its collision geometries over
    them, in grey. Here visuals are drawn and touch nothing; collision geometries touch and are
    hidden.
    """
    spec = mujoco.MjSpec.from_file(str(urdf))
    for geom in spec.geoms:
        touches = bool(geom.contype or geom.conaffinity)
        geom.group = COLLISION_GROUP if touches else VISUAL_GROUP
    return spec
