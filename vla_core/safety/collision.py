"""Distances of a robot to itself and to its surroundings, and how they change with its joints."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import coal
import numpy as np
import pinocchio as pin

from vla_core.errors import RobotDescriptionError
from vla_core.robot.model import RobotModel
from vla_core.safety.bodies import Body, robot_bodies
from vla_core.safety.description import Box, PairKind, SafetyDescription


@dataclass(frozen=True)
class Pair:
    """Two shapes that must stay apart, by name."""

    first: str
    second: str
    kind: PairKind


@dataclass(frozen=True, eq=False)
class Proximity:
    """Pairs that are near.

    Attributes:
        pair: `(k,)` places in `CollisionModel.pairs`.
        distance_m: `(k,)` [m], negative when inside each other.
        gradient: `(k, dof)` change of the distance with each joint [m per unit].
    """

    pair: np.ndarray
    distance_m: np.ndarray
    gradient: np.ndarray


class CollisionModel:
    """Signed distances between capsules, spheres and boxes, by Pinocchio and coal.

    Positions are `(dof,)` in canonical order, in the units of the robot's YAML. Not safe to share
    between threads: it reuses its buffers.

    Args:
        robot: the shapes of its URDF.
        safety: which of them to compare, with what around the robot, and how near they may come.

    Attributes:
        bodies: the robot's shapes.
        boxes: what stands around it.
        pairs: what is compared.
        hard_m, soft_m: `(pairs,)` margins [m], read-only.
        hands: names of the end effectors.

    Raises:
        RobotDescriptionError: a shape was dropped by the loader, or the ready pose is nearer than
            a margin.
    """

    def __init__(self, robot: RobotModel, safety: SafetyDescription) -> None:
        self.robot, self.safety = robot, safety
        self._model: pin.Model = pin.buildModelFromUrdf(str(robot.urdf))
        self._data = self._model.createData()
        joints = [self._model.getJointId(joint.urdf_joint) for joint in robot.description.joints]
        self._velocity_index = np.array([self._model.joints[joint].idx_v for joint in joints])
        self._scale = np.array([joint.scale for joint in robot.description.joints])
        self._moves = self._supports(joints)
        self.bodies = robot_bodies(robot, safety, self._model)
        self.boxes: tuple[Box, ...] = tuple(safety.boxes.values())
        self._geometry = self._shapes()
        self.pairs, self._pair_joints = self._find_pairs()
        self.hard_m, self.soft_m = (
            _frozen([getattr(safety.margins[pair.kind], name) for pair in self.pairs])
            for name in ("hard_m", "soft_m")
        )
        self._geometry_data = pin.GeometryData(self._geometry)
        # References into the vector of results, which keeps its place: an access each, no copies.
        self._results = list(self._geometry_data.distanceResults)
        self.hands = tuple(robot.end_effectors)
        self._hand_frames = [
            self._model.getFrameId(effector.grasp_frame)
            for effector in robot.end_effectors.values()
        ]
        self._refuse_near_ready_pose()

    def distances(self, position: np.ndarray) -> np.ndarray:
        """`(pairs,)` signed distances at `(dof,)` [m]; negative is how deep inside."""
        return self._distances(self.robot.pinocchio_position(position))

    def distances_along(self, positions: np.ndarray) -> np.ndarray:
        """`(n, pairs)` signed distances at `(n, dof)` positions [m]."""
        configurations = self.robot.pinocchio_position(positions)
        return np.array([self._distances(each) for each in configurations]).reshape(
            len(configurations), len(self.pairs)
        )

    def nearest(self, position: np.ndarray, within_m: float) -> Proximity:
        """Pairs nearer than `within_m` [m] at `(dof,)`, and how their distances change.

        With n the direction from the first shape's nearest point p to the second's, the distance
        changes by n . (velocity of the second at p - velocity of the first at p); the joints that
        carry both cancel.
        """
        distances = self.distances(position)
        near = np.flatnonzero(distances < within_m)
        results = [self._results[pair] for pair in near]
        normals = np.array([result.normal for result in results]).reshape(-1, 3)
        points = np.array([result.getNearestPoint1() for result in results]).reshape(-1, 3)
        wrenches = np.hstack((normals, np.cross(points, normals)))
        jacobian = pin.computeJointJacobians(self._model, self._data)[:, self._velocity_index]
        first, second = self._pair_joints[near].T
        relative = self._moves[second] - self._moves[first]
        return Proximity(near, distances[near], wrenches @ jacobian * relative * self._scale)

    def hand_positions(self, position: np.ndarray) -> np.ndarray:
        """`(hands, 3)` grasp frames in the base frame at `(dof,)` [m]."""
        pin.forwardKinematics(self._model, self._data, self.robot.pinocchio_position(position))
        return np.array(
            [
                pin.updateFramePlacement(self._model, self._data, frame).translation
                for frame in self._hand_frames
            ]
        ).reshape(-1, 3)

    def hand_jacobians(self, position: np.ndarray) -> np.ndarray:
        """`(hands, 3, dof)` velocity of the grasp frames by joint velocity [m per unit]."""
        pin.computeJointJacobians(
            self._model, self._data, self.robot.pinocchio_position(position)
        )
        jacobians = [
            pin.getFrameJacobian(self._model, self._data, frame, pin.LOCAL_WORLD_ALIGNED)
            for frame in self._hand_frames
        ]
        return np.array(jacobians).reshape(-1, 6, self._model.nv)[
            :, :3, self._velocity_index
        ] * self._scale

    def hand_speeds(self, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """`(hands,)` speed of the grasp frames at `(dof,)` position and velocity [m/s]."""
        return np.linalg.norm(self.hand_jacobians(position) @ velocity, axis=1)

    def _distances(self, configuration: np.ndarray) -> np.ndarray:
        pin.computeDistances(
            self._model, self._data, self._geometry, self._geometry_data, configuration
        )
        return np.array([result.min_distance for result in self._results])

    def _supports(self, joints: list[int]) -> np.ndarray:
        """`(all joints, dof)`: 1 where a canonical joint carries a joint of the URDF."""
        supports = [set(self._model.supports[joint]) for joint in range(self._model.njoints)]
        return np.array([[float(j in carried) for j in joints] for carried in supports])

    def _shapes(self) -> pin.GeometryModel:
        """Bodies, then boxes, as Pinocchio's geometry objects."""
        geometry = pin.GeometryModel()
        for body in self.bodies:
            frame = self._model.getFrameId(self._model.names[body.joint])
            geometry.addGeometryObject(
                pin.GeometryObject(body.name, body.joint, frame, body.placement, body.shape)
            )
        for box in self.boxes:
            placement = pin.SE3(pin.rpy.rpyToMatrix(box.rpy), box.centre)
            geometry.addGeometryObject(
                pin.GeometryObject(box.name, 0, 0, placement, coal.Box(*box.size))
            )
        names = [shape.name for shape in geometry.geometryObjects]
        if len(set(names)) != len(self.bodies) + len(self.boxes):
            repeated = sorted({name for name in names if names.count(name) > 1})
            raise RobotDescriptionError(
                str(self.safety.source),
                f"shapes share the names {', '.join(repeated)}; rename the capsule or box",
            )
        return geometry

    def _find_pairs(self) -> tuple[tuple[Pair, ...], np.ndarray]:
        """Pairs, and `(pairs, 2)` joints that carry them; also told to the geometry model."""
        sides = self._sides()
        pairs, joints, places = [], [], []
        for (i, first), (j, second) in combinations(enumerate(self.bodies), 2):
            ends = {sides.get(first.joint), sides.get(second.joint)} - {None}
            kind = PairKind.ARMS if len(ends) == 2 else PairKind.SELF
            moves = (self._moves[first.joint] != self._moves[second.joint]).any()
            if moves and kind in first.kinds & second.kinds and not self._allowed(first, second):
                pairs.append(Pair(first.name, second.name, kind))
                joints.append((first.joint, second.joint))
                places.append((i, j))
        for j, box in enumerate(self.boxes, start=len(self.bodies)):
            for i, body in enumerate(self.bodies):
                moves = self._moves[body.joint].any()
                if moves and box.kind in body.kinds and not body.links <= box.allowed:
                    pairs.append(Pair(body.name, box.name, box.kind))
                    joints.append((body.joint, 0))
                    places.append((i, j))
        for place in places:
            self._geometry.addCollisionPair(pin.CollisionPair(*place))
        return tuple(pairs), np.array(joints, dtype=int).reshape(-1, 2)

    def _allowed(self, first: Body, second: Body) -> bool:
        """Whether the SRDF allows all links of two bodies to touch."""
        return all(
            a == b or frozenset((a, b)) in self.safety.allowed
            for a in first.links
            for b in second.links
        )

    def _sides(self) -> dict[int, str]:
        """End effector that each joint of an arm or a hand belongs to."""
        description = self.robot.description
        return {
            self._model.getJointId(joint.urdf_joint): name
            for name, effector in description.end_effectors.items()
            for joint in description.joints
            if joint.group in (effector.arm_group, effector.hand_group)
        }

    def _refuse_near_ready_pose(self) -> None:
        distances = self.distances(self.robot.ready_pose)
        near = np.flatnonzero(distances < self.soft_m)
        if len(near):
            worst = near[np.argmin(distances[near] - self.soft_m[near])]
            pair = self.pairs[worst]
            raise RobotDescriptionError(
                f"{self.safety.source}, margins.{pair.kind}.soft",
                f"got {self.soft_m[worst]:g} m, but in the ready pose {pair.first} and "
                f"{pair.second} are {distances[worst]:.4f} m apart; lower the margin or change "
                "`ready_pose`",
            )


def _frozen(values: list[float]) -> np.ndarray:
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array
