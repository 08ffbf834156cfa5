"""The parts of a robot that are compared with each other, each inside a hull."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import coal
import numpy as np
import pinocchio as pin

from vla_core.errors import RobotDescriptionError
from vla_core.robot.model import RobotModel
from vla_core.safety.capsule_fit import enclosing_capsule
from vla_core.safety.description import BodyDescription, HullShape, SafetyDescription

#: Positions of a joint that are looked at to enclose what it moves; between them, an allowance.
_SAMPLES = 17


@dataclass(frozen=True, eq=False)
class Shape:
    """A shape that is fixed to a joint.

    Attributes:
        name: unique.
        link: of the URDF.
        joint: Pinocchio's id of the joint that carries it.
        placement: its frame in the joint's.
        shape: a coal.Capsule, coal.Sphere or coal.Box.
    """

    name: str
    link: str
    joint: int
    placement: pin.SE3
    shape: coal.CollisionGeometry


@dataclass(frozen=True, eq=False)
class Body:
    """Shapes, and a hull that encloses them wherever the joints between them stand."""

    name: str
    hull: Shape
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, eq=False)
class _Swept:
    """Spheres whose convex hull holds a moving shape: `(n, 3)` centres and a radius [m]."""

    centres: np.ndarray
    radius: float


def robot_bodies(
    robot: RobotModel, safety: SafetyDescription, model: pin.Model
) -> tuple[Body, ...]:
    """Bodies of the description, then each link that is in none.

    Their shapes are the URDF's, with a capsule for a cylinder: it has its radius and length, and a
    cap on each end.

    Raises:
        RobotDescriptionError: Pinocchio dropped or does not support a shape, or a body has links
            that have no shape or do not hang on its own link.
    """
    geometry = _urdf_geometry(robot, model)
    by_link: dict[str, list[pin.GeometryObject]] = {}
    for given in geometry:
        by_link.setdefault(model.frames[given.parentFrame].name, []).append(given)
    described = list(safety.bodies.values())
    named = {link for body in described for link in body.links}
    described += [
        BodyDescription(link, link, (link,), HullShape.CAPSULE)
        for link in by_link
        if link not in named
    ]
    return tuple(_body(robot, safety, model, by_link, each) for each in described)


def extent(shape: Shape) -> float:
    """Largest distance of a shape's points from the origin of the joint that carries it [m]."""
    corners, radius = _corners(shape.shape, shape.placement)
    return float(np.linalg.norm(corners, axis=1).max()) + radius


def levers(model: pin.Model, carrier: int, extent_m: float, joints: list[int]) -> np.ndarray:
    """How far points within `extent_m` of the origin of joint `carrier` are from what moves them.

    Args:
        carrier, joints: Pinocchio's ids.

    Returns:
        `(len(joints),)`: for a revolute joint an upper bound of the distance between its axis and
        the points, wherever the joints stand [m]; for a prismatic one 1; 0 where a joint does not
        move them.
    """
    found = {}
    for joint in reversed(list(model.supports[carrier])[1:]):
        slides = _slides(model, joint)
        found[joint] = 1.0 if slides else extent_m
        extent_m += np.linalg.norm(model.jointPlacements[joint].translation)
        if slides:
            place = model.joints[joint].idx_q
            ends = (model.lowerPositionLimit[place], model.upperPositionLimit[place])
            extent_m += np.abs(ends).max()
    return np.array([found.get(joint, 0.0) for joint in joints])


def _slides(model: pin.Model, joint: int) -> bool:
    return model.joints[joint].shortname().startswith("JointModelP")


def _urdf_geometry(robot: RobotModel, model: pin.Model) -> list[pin.GeometryObject]:
    """The URDF's collision shapes."""
    geometry = pin.buildGeomFromUrdf(model, str(robot.urdf), pin.COLLISION)
    expected = robot.description.urdf.collision_count
    if geometry.ngeoms != expected:
        raise RobotDescriptionError(
            str(robot.urdf),
            f"holds {expected} collision shapes, Pinocchio loads {geometry.ngeoms}; replace those "
            "that it drops, such as <capsule>, by <cylinder>",
        )
    for given in geometry.geometryObjects:
        if not isinstance(given.geometry, coal.Cylinder | coal.Sphere | coal.Box):
            raise RobotDescriptionError(
                f"{robot.urdf}, {given.name}",
                f"is a {type(given.geometry).__name__}, expected a box, cylinder or sphere; give "
                "the link a simple <collision> shape",
            )
    return list(geometry.geometryObjects)


def _body(
    robot: RobotModel,
    safety: SafetyDescription,
    model: pin.Model,
    by_link: dict[str, list[pin.GeometryObject]],
    given: BodyDescription,
) -> Body:
    where = f"{safety.source}, bodies.{given.name}"
    own = model.frames[model.getFrameId(given.link)].parentJoint
    shapes, swept = [], []
    for link in given.links:
        if link not in by_link:
            raise RobotDescriptionError(where, f"{link} has no <collision> shape; leave it out")
        for each in by_link[link]:
            if own not in model.supports[each.parentJoint]:
                raise RobotDescriptionError(
                    where, f"{link} does not hang on {given.link}; see `link`"
                )
            rounded = _rounded(each.geometry)
            shapes.append(Shape(each.name, link, each.parentJoint, each.placement, rounded))
            swept.append(_sweep(robot, model, own, shapes[-1]))
    shape, placement = _hull(given.hull, swept)
    return Body(given.name, Shape(given.name, given.link, own, placement, shape), tuple(shapes))


def _rounded(shape: coal.CollisionGeometry) -> coal.CollisionGeometry:
    """A cylinder with a cap on each end: its distances are exact and smooth."""
    if isinstance(shape, coal.Cylinder):
        return coal.Capsule(shape.radius, 2 * shape.halfLength)
    return shape


def _hull(kind: HullShape, swept: list[_Swept]) -> tuple[coal.CollisionGeometry, pin.SE3]:
    """A shape around all spheres, and where its frame is in theirs."""
    centres = np.concatenate([each.centres for each in swept])
    radii = np.concatenate([np.full(len(each.centres), each.radius) for each in swept])
    if kind is HullShape.CAPSULE:
        capsule = enclosing_capsule(centres, radii)
        shape = coal.Capsule(capsule.radius_m, 2 * capsule.half_length_m)
        return shape, pin.SE3(capsule.rotation, capsule.centre)
    low = (centres - radii[:, None]).min(axis=0)
    high = (centres + radii[:, None]).max(axis=0)
    return coal.Box(*(high - low)), pin.SE3(np.eye(3), (low + high) / 2)


def _sweep(robot: RobotModel, model: pin.Model, own: int, given: Shape) -> _Swept:
    """A shape in the frame of joint `own`, as the joints between move.

    Between two sampled positions a point leaves their chord by its lever times 1 - cos(half a
    step), which is added to the radius.
    """
    corners, radius = _corners(given.shape, given.placement)
    chain = [joint for joint in model.supports[given.joint] if joint > own]
    configuration = robot.pinocchio_position(robot.ready_pose)
    data = model.createData()
    ranges = [_range(robot, model, joint, configuration) for joint in chain]
    found = []
    for positions in itertools.product(*ranges):
        for joint, position in zip(chain, positions, strict=True):
            configuration[model.joints[joint].idx_q] = position
        pin.forwardKinematics(model, data, configuration)
        moved = data.oMi[own].actInv(data.oMi[given.joint])
        found.append(corners @ moved.rotation.T + moved.translation)
    points = np.concatenate(found)
    lever = np.linalg.norm(points, axis=1).max()
    steps = [joint_range[1] - joint_range[0] for joint_range in ranges if len(joint_range) > 1]
    return _Swept(points, radius + sum(lever * (1 - np.cos(step / 2)) for step in steps))


def _corners(shape: coal.CollisionGeometry, placement: pin.SE3) -> tuple[np.ndarray, float]:
    """Points `(n, 3)` in the joint's frame and a radius: spheres whose hull is the shape."""
    if isinstance(shape, coal.Capsule):
        local = np.array(((0.0, 0.0, -shape.halfLength), (0.0, 0.0, shape.halfLength)))
        radius = shape.radius
    elif isinstance(shape, coal.Sphere):
        local, radius = np.zeros((1, 3)), shape.radius
    else:
        local = np.array(list(itertools.product((-1, 1), repeat=3))) * shape.halfSide
        radius = 0.0
    return local @ placement.rotation.T + placement.translation, float(radius)


def _range(
    robot: RobotModel, model: pin.Model, joint: int, configuration: np.ndarray
) -> np.ndarray:
    """Positions of a joint over its operating range [rad]; one where it is not commanded."""
    for place, given in enumerate(robot.description.joints):
        if given.urdf_joint == model.names[joint]:
            ends = robot.to_urdf(np.array((robot.limits.lower, robot.limits.upper)))[:, place]
            return np.linspace(ends.min(), ends.max(), _SAMPLES)
    return np.array([configuration[model.joints[joint].idx_q]])
