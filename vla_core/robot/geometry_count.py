"""How many geometries each loader keeps of a URDF: one that is dropped would not be avoided."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import pinocchio as pin

from vla_core.robot.model import RobotModel
from vla_core.robot.mujoco_model import COLLISION_GROUP, robot_spec


@dataclass(frozen=True)
class Count:
    """Geometries and mass [kg], as one loader sees them."""

    collision: int
    visual: int
    mass: float


@dataclass(frozen=True)
class GeometryCount:
    """The same URDF in the file itself, in MuJoCo and in Pinocchio."""

    urdf: Count
    mujoco: Count
    pinocchio: Count

    @classmethod
    def of(cls, robot: RobotModel) -> GeometryCount:
        """Load the robot's URDF in both."""
        urdf = robot.description.urdf
        return cls(
            urdf=Count(urdf.collision_count, urdf.visual_count, urdf.mass),
            mujoco=_in_mujoco(robot),
            pinocchio=_in_pinocchio(robot),
        )

    def problems(self) -> list[str]:
        """Loaders that see something else than the file holds."""
        problems = []
        for loader, count in (("MuJoCo", self.mujoco), ("Pinocchio", self.pinocchio)):
            if (count.collision, count.visual) != (self.urdf.collision, self.urdf.visual):
                problems.append(
                    f"{loader} loads {count.collision} collision and {count.visual} visual "
                    f"geometries, the URDF holds {self.urdf.collision} and {self.urdf.visual}"
                )
            if abs(count.mass - self.urdf.mass) > 1e-6:
                problems.append(
                    f"{loader} loads {count.mass:.6f} kg, the URDF holds {self.urdf.mass:.6f} kg"
                )
        return problems


def _in_mujoco(robot: RobotModel) -> Count:
    model = robot_spec(robot.urdf).compile()
    collision = int((model.geom_group == COLLISION_GROUP).sum())
    return Count(collision, model.ngeom - collision, float(mujoco.mj_getTotalmass(model)))


def _in_pinocchio(robot: RobotModel) -> Count:
    model = pin.buildModelFromUrdf(str(robot.urdf))
    shapes = [
        pin.buildGeomFromUrdf(
            model, str(robot.urdf), kind, None, [str(robot.urdf.parent)]
        ).ngeoms
        for kind in (pin.COLLISION, pin.VISUAL)
    ]
    return Count(*shapes, sum(inertia.mass for inertia in model.inertias))
