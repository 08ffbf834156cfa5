"""Which links of a robot touch each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pinocchio as pin

from vla_core.robot.model import RobotModel

#: Links this few joints apart meet at their joints by design and are not compared.
NEIGHBOUR_JOINTS = 2


@dataclass(frozen=True)
class Touch:
    """Two geometries of different links that touch or interpenetrate."""

    first: str
    second: str


class SelfCollision:
    """Collision geometries of a robot and the pairs of them that must stay apart.

    The fingers of one hand are not compared with each other: to close on each other is their use.

    Args:
        robot: its URDF's `<collision>` shapes are compared.

    Attributes:
        geometry_count: shapes that Pinocchio loaded.
        pair_count: pairs that are compared.
    """

    def __init__(self, robot: RobotModel) -> None:
        self._robot = robot
        self._model = pin.buildModelFromUrdf(str(robot.urdf))
        self._geometry = pin.buildGeomFromUrdf(self._model, str(robot.urdf), pin.COLLISION)
        for first, second in self._distant_pairs():
            self._geometry.addCollisionPair(pin.CollisionPair(first, second))
        self._data = self._model.createData()
        self._geometry_data = pin.GeometryData(self._geometry)
        self.geometry_count = self._geometry.ngeoms
        self.pair_count = len(self._geometry.collisionPairs)

    def touches(self, position: np.ndarray) -> tuple[Touch, ...]:
        """Pairs that touch at `(dof,)` joint positions [units of the YAML]."""
        pin.computeCollisions(
            self._model,
            self._data,
            self._geometry,
            self._geometry_data,
            self._robot.pinocchio_position(position),
            False,
        )
        return tuple(
            Touch(self._name(pair.first), self._name(pair.second))
            for pair, result in zip(
                self._geometry.collisionPairs, self._geometry_data.collisionResults, strict=True
            )
            if result.isCollision()
        )

    def smallest_distance(self, position: np.ndarray) -> float:
        """Distance of the closest pair at `(dof,)` joint positions [m]; negative when inside."""
        pin.computeDistances(
            self._model,
            self._data,
            self._geometry,
            self._geometry_data,
            self._robot.pinocchio_position(position),
        )
        return min(result.min_distance for result in self._geometry_data.distanceResults)

    def _name(self, index: int) -> str:
        return self._geometry.geometryObjects[index].name

    def _distant_pairs(self) -> list[tuple[int, int]]:
        joints = [shape.parentJoint for shape in self._geometry.geometryObjects]
        hands = self._hands()
        return [
            (first, second)
            for second in range(len(joints))
            for first in range(second)
            if self._joints_between(joints[first], joints[second]) > NEIGHBOUR_JOINTS
            and not any({joints[first], joints[second]} <= hand for hand in hands)
        ]

    def _hands(self) -> list[set[int]]:
        """Pinocchio's joint ids of each hand."""
        description = self._robot.description
        return [
            {
                self._model.getJointId(joint.urdf_joint)
                for joint in description.joints
                if joint.group == end_effector.hand_group
            }
            for end_effector in description.end_effectors.values()
        ]

    def _joints_between(self, first: int, second: int) -> int:
        to_root = [self._chain(first), self._chain(second)]
        return len(to_root[0] ^ to_root[1])

    def _chain(self, joint: int) -> set[int]:
        """Joints from one up to the root, itself included."""
        chain = set()
        while joint:
            chain.add(joint)
            joint = self._model.parents[joint]
        return chain
