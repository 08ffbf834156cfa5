"""Distances of a robot to itself and to its surroundings, and how they change with its joints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import coal
import numpy as np
import pinocchio as pin

from vla_core.errors import RobotDescriptionError
from vla_core.robot.model import RobotModel
from vla_core.safety.bodies import Body, Shape, extent, levers, robot_bodies
from vla_core.safety.description import Box, PairKind, SafetyDescription
from vla_core.safety.distance_bounds import KnownDistances, learn, lower_bounds, next_row

#: Distances are exact up to this much above the soft margin [m].
_EXACT_ABOVE_SOFT_M = 0.01


@dataclass(frozen=True)
class Pair:
    """Two bodies, or a body and a box, that must stay apart; by name."""

    first: str
    second: str
    kind: PairKind


@dataclass(frozen=True, eq=False)
class Proximity:
    """What is near: shapes of a pair, so that a pair may be there more than once.

    Attributes:
        pair: `(k,)` places in `CollisionModel.pairs`.
        distance_m: `(k,)` [m], negative when inside each other.
        gradient: `(k, dof)` change of the distance with each joint [m per unit].
    """

    pair: np.ndarray
    distance_m: np.ndarray
    gradient: np.ndarray


class _Shapes:
    """Shapes that are compared with each other, in one call.

    Args:
        model: carries them.
        pairs: what is compared.
    """

    def __init__(self, model: pin.Model, pairs: list[tuple[Shape, Shape]]) -> None:
        self._geometry = pin.GeometryModel()
        for shapes in pairs:
            places = [self._place(model, shape) for shape in shapes]
            self._geometry.addCollisionPair(pin.CollisionPair(*places))
        self._data = pin.GeometryData(self._geometry)
        # References into a vector that keeps its place: an access each, no copies.
        self.results = list(self._data.distanceResults)
        self.joints = [(first.joint, second.joint) for first, second in pairs]

    def compare(self, model: pin.Model, data: pin.Data) -> pin.DistanceResult:
        """Fill `results` at the configuration that `data` is at; the smallest of them."""
        self.place(model, data)
        return self.results[pin.computeDistances(self._geometry, self._data)]

    def place(self, model: pin.Model, data: pin.Data) -> None:
        """Put the shapes where they are at the configuration that `data` is at."""
        pin.updateGeometryPlacements(model, data, self._geometry, self._data)

    def distance(self, pair: int) -> float:
        """Of one pair, by its place in `results`, once the shapes are placed [m]."""
        return pin.computeDistance(self._geometry, self._data, pair).min_distance

    def _place(self, model: pin.Model, shape: Shape) -> int:
        if not self._geometry.existGeometryName(shape.name):
            frame = model.getFrameId(model.names[shape.joint])
            self._geometry.addGeometryObject(
                pin.GeometryObject(shape.name, shape.joint, frame, shape.placement, shape.shape)
            )
        return self._geometry.getGeometryId(shape.name)


class CollisionModel:
    """Signed distances between the bodies of a robot and to boxes, by Pinocchio and coal.

    Every body has a hull. A pair whose hulls are far apart has at least the distance of its hulls,
    which is what is told then. Otherwise it has that of the nearest two of its shapes: exact below
    `exact_m`.

    A joint moves a point at most by its way times the point's largest lever, and a distance by no
    more. So a pair once measured needs not be measured again before its joints have moved far
    enough; that is what makes looking along a path cheap.

    Positions are `(dof,)` in canonical order, in the units of the robot's YAML. Not safe to share
    between threads: it reuses its buffers.

    Args:
        robot: the shapes of its URDF.
        safety: which of them to compare, with what around the robot, and how near they may come.

    Attributes:
        bodies: the robot's parts.
        boxes: what stands around it, the walls of its workspace included.
        pairs: what is compared.
        hard_m, soft_m: `(pairs,)` margins [m], read-only.
        exact_m: `(pairs,)`: larger distances may be told too small, but not below this [m].
        hands: names of the end effectors.
        known: what was measured last, by whoever keeps none of its own.

    Raises:
        RobotDescriptionError: a shape was dropped by the loader, nothing is left to compare, or the
            ready pose is nearer than a margin.
    """

    def __init__(self, robot: RobotModel, safety: SafetyDescription) -> None:
        self.robot, self.safety = robot, safety
        self._model: pin.Model = pin.buildModelFromUrdf(str(robot.urdf))
        self._data = self._model.createData()
        self._joints = [
            self._model.getJointId(joint.urdf_joint) for joint in robot.description.joints
        ]
        self._velocity_index = np.array([self._model.joints[joint].idx_v for joint in self._joints])
        self._scale = np.array([joint.scale for joint in robot.description.joints])
        self._moves = self._supports()
        self.bodies = robot_bodies(robot, safety, self._model)
        walls = () if safety.workspace is None else safety.workspace.walls()
        self.boxes: tuple[Box, ...] = (*safety.boxes.values(), *walls)
        self._find_pairs()
        self.known = KnownDistances(len(self.pairs), robot.dof)
        self.hard_m, self.soft_m, self.exact_m = (
            _frozen([getattr(safety.margins[pair.kind], name) + more for pair in self.pairs])
            for name, more in (("hard_m", 0), ("soft_m", 0), ("soft_m", _EXACT_ABOVE_SOFT_M))
        )
        self.hands = tuple(robot.end_effectors)
        self._hand_frames = [
            self._model.getFrameId(effector.grasp_frame)
            for effector in robot.end_effectors.values()
        ]
        self._hand_levers = np.array([self._levers_of(frame) for frame in self._hand_frames])
        self._refuse_near_ready_pose()

    def distances(self, position: np.ndarray) -> np.ndarray:
        """`(pairs,)` signed distances at `(dof,)` [m]; negative is how deep inside."""
        self._go_to(self.robot.pinocchio_position(position))
        exact_m = self.exact_m.tolist()
        distances = [self._measure(pair, exact_m[pair]) for pair in range(len(self.pairs))]
        found_m = _frozen([distances])
        self.known.distance_m, self.known.at = found_m, np.array([position], dtype=float)
        return found_m[0]

    def distances_along(
        self,
        positions: np.ndarray,
        exact_m: np.ndarray | None = None,
        known: KnownDistances | None = None,
    ) -> np.ndarray:
        """`(n, pairs)` signed distances at `(n, dof)` positions [m].

        Those above `exact_m` are told by what was measured before: too small perhaps, but not below
        `exact_m`. At a position that is not finite they are minus infinity, so nobody goes there.

        Args:
            exact_m: `(pairs,)`, at most the attribute of that name, which is the default [m].
            known: what was measured near there before, and is now; who looks somewhere else again
                and again keeps its own.
        """
        exact_m = self.exact_m if exact_m is None else exact_m
        known = self.known if known is None else known
        positions = np.array(positions, dtype=float, order="C")  # its own: it is kept
        distances = lower_bounds(known.distance_m, known.at, self._levers, positions)
        row = next_row(distances, exact_m, 0)
        while row < len(positions):
            unknown = (~(distances[row] >= exact_m)).nonzero()[0]
            enough_m = exact_m[unknown].tolist()
            if math.isfinite(positions[row].sum()):
                self._go_to(self.robot.pinocchio_position(positions[row]))
                found_m = np.array(list(map(self._measure, unknown.tolist(), enough_m)))
            else:
                found_m = np.full(len(unknown), -np.inf)
            learn(distances, row, unknown, found_m, self._levers, positions)
            row = next_row(distances, exact_m, row + 1)
        distances.setflags(write=False)
        if len(positions):
            known.distance_m, known.at = distances, positions
        return distances

    def nearest(self, position: np.ndarray, within_m: float) -> Proximity:
        """Shapes nearer than `within_m` [m] at `(dof,)`, and how their distances change.

        With n the direction from the first shape's nearest point p to the second's, the distance
        changes by n . (velocity of the second at p - velocity of the first at p); the joints that
        carry both cancel.
        """
        known = self.known
        bounds = lower_bounds(
            known.distance_m, known.at, self._levers, np.array([position], dtype=float)
        )
        near = np.flatnonzero(~(bounds[0] >= within_m))
        self._go_to(self.robot.pinocchio_position(position))
        pairs, results, joints = [], [], []
        for pair in near.tolist():
            if self._hulls.distance(pair) >= within_m:
                continue
            shapes = self._shapes[pair]
            if shapes.compare(self._model, self._data).min_distance >= within_m:
                continue
            for result, carriers in zip(shapes.results, shapes.joints, strict=True):
                if result.min_distance < within_m:
                    pairs.append(pair)
                    results.append(result)
                    joints.append(carriers)
        normals = np.array([result.normal for result in results]).reshape(-1, 3)
        points = np.array([result.getNearestPoint1() for result in results]).reshape(-1, 3)
        wrenches = np.hstack((normals, np.cross(points, normals)))
        jacobian = pin.computeJointJacobians(self._model, self._data)[:, self._velocity_index]
        first, second = np.array(joints, dtype=int).reshape(-1, 2).T
        relative = self._moves[second] - self._moves[first]
        return Proximity(
            np.array(pairs, dtype=int),
            np.array([result.min_distance for result in results]),
            wrenches @ jacobian * relative * self._scale,
        )

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
        linear = np.array(jacobians).reshape(-1, 6, self._model.nv)[:, :3, self._velocity_index]
        return linear * self._scale

    def hand_speeds(
        self, position: np.ndarray, velocity: np.ndarray, exact_above: float = 0.0
    ) -> np.ndarray:
        """`(hands,)` speed of the grasp frames at `(dof,)` position and velocity [m/s].

        Where no hand can be faster than `exact_above` [m/s], an upper bound is told.
        """
        most = self._hand_levers @ np.abs(velocity)
        if (most <= exact_above).all():
            return most
        joint_velocity = np.zeros(self._model.nv)
        joint_velocity[self._velocity_index] = velocity * self._scale
        configuration = self.robot.pinocchio_position(position)
        pin.forwardKinematics(self._model, self._data, configuration, joint_velocity)
        found = np.array(
            [
                pin.getFrameVelocity(self._model, self._data, frame, pin.LOCAL).linear
                for frame in self._hand_frames
            ]
        )
        return np.sqrt((found * found).sum(axis=1))

    def placement(self, shape: Shape, position: np.ndarray) -> pin.SE3:
        """Where a shape is in the base frame at `(dof,)`."""
        pin.forwardKinematics(self._model, self._data, self.robot.pinocchio_position(position))
        return self._data.oMi[shape.joint] * shape.placement

    def _go_to(self, configuration: np.ndarray) -> None:
        """Be there with the hulls; `_shapes` are placed when they are compared."""
        pin.forwardKinematics(self._model, self._data, configuration)
        self._hulls.place(self._model, self._data)

    def _measure(self, pair: int, exact_m: float) -> float:
        """Distance of a pair where `_go_to` went [m]; of its hulls, if that is `exact_m` or more."""
        distance = self._hulls.distance(pair)
        if distance >= exact_m:
            return distance
        return self._shapes[pair].compare(self._model, self._data).min_distance

    def _supports(self) -> np.ndarray:
        """`(all joints, dof)`: 1 where a canonical joint carries a joint of the URDF."""
        supports = [set(self._model.supports[joint]) for joint in range(self._model.njoints)]
        return np.array([[float(j in carried) for j in self._joints] for carried in supports])

    def _find_pairs(self) -> None:
        """What is compared: hulls pair by pair, and the shapes of each pair."""
        sides = self._sides()
        around = {box.name: box for box in self.boxes}
        boxes = [_box_body(box) for box in self.boxes]
        self._refuse_shared_names([*self.bodies, *boxes])
        of = {
            shape.name: levers(self._model, shape.joint, extent(shape), self._joints)
            for body in (*self.bodies, *boxes)
            for shape in body.shapes
        }
        pairs, hulls, shapes, most = [], [], [], []
        for first, second in combinations((*self.bodies, *boxes), 2):
            found = [
                (a, b)
                for a in first.shapes
                for b in second.shapes
                if (self._moves[a.joint] != self._moves[b.joint]).any()
                and not self._allowed(a, b, around)
            ]
            if not found:
                continue
            ends = {sides.get(first.hull.joint), sides.get(second.hull.joint)} - {None}
            kind = PairKind.ARMS if len(ends) == 2 else PairKind.SELF
            if second.name in around:
                kind = around[second.name].kind
            pairs.append(Pair(first.name, second.name, kind))
            hulls.append((first.hull, second.hull))
            shapes.append(_Shapes(self._model, found))
            most.append(np.max([self._lever_between(a, b, of) for a, b in found], axis=0))
        if not pairs:
            raise RobotDescriptionError(
                str(self.safety.source),
                f"leaves nothing to compare; give {self.robot.urdf.name} <collision> shapes, or "
                f"allow less in {self.safety.srdf.name}",
            )
        self.pairs = tuple(pairs)
        self._hulls = _Shapes(self._model, hulls)
        self._shapes = shapes
        self._levers = np.ascontiguousarray(np.array(most).T)

    def _levers_of(self, frame: int) -> np.ndarray:
        """`(dof,)` fastest that a joint can move a frame [m per unit]."""
        given = self._model.frames[frame]
        reach = float(np.linalg.norm(given.placement.translation))
        found = levers(self._model, given.parentJoint, reach, self._joints)
        return found * np.abs(self._scale)

    def _lever_between(self, a: Shape, b: Shape, of: Mapping[str, np.ndarray]) -> np.ndarray:
        """`(dof,)` most that a joint changes the distance of two shapes, with the levers of each."""
        parts = self._moves[a.joint] != self._moves[b.joint]
        return np.where(parts, of[a.name] + of[b.name], 0.0) * np.abs(self._scale)

    def _allowed(self, first: Shape, second: Shape, around: dict[str, Box]) -> bool:
        """Whether two shapes may touch; `second` may be a box's."""
        if second.link in around:
            return first.link in around[second.link].allowed
        return frozenset((first.link, second.link)) in self.safety.allowed

    def _refuse_shared_names(self, bodies: list[Body]) -> None:
        for names in (
            [body.name for body in bodies],
            [shape.name for body in bodies for shape in body.shapes],
        ):
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                raise RobotDescriptionError(
                    str(self.safety.source),
                    f"bodies, boxes or shapes share the names {', '.join(repeated)}; rename them",
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


def _box_body(box: Box) -> Body:
    placement = pin.SE3(pin.rpy.rpyToMatrix(box.rpy), box.centre)
    shape = Shape(box.name, box.name, 0, placement, coal.Box(*box.size))
    return Body(box.name, shape, (shape,))


def _frozen(values: list) -> np.ndarray:
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array
