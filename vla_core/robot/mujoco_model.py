"""The robot's URDF in MuJoCo, with its visual and its collision geometries kept apart."""

from __future__ import annotations

from pathlib import Path

import mujoco

from vla_core.errors import RobotDescriptionError
from vla_core.robot.description import RobotDescription

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


def require_urdf_joints(robot: RobotDescription) -> None:
    """Refuse a robot whose joints are not those of its URDF, which MuJoCo moves.

    Raises:
        RobotDescriptionError: names the first such joint.
    """
    for joint in robot.joints:
        if joint.urdf_joint != joint.name or joint.scale != 1.0 or joint.offset != 0.0:
            raise RobotDescriptionError(
                f"robot {robot.name!r}",
                f"cannot be simulated: joint {joint.name!r} stands for {joint.urdf_joint!r} of the "
                "URDF; take a robot that names its joints as the URDF does",
            )
