"""The shapes of a robot that are compared with each other: few, and enclosing the URDF's."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import coal
import numpy as np
import pinocchio as pin

from vla_core.errors import RobotDescriptionError
from vla_core.robot.model import RobotModel
from vla_core.safety.capsule_fit import enclosing_capsule
from vla_core.safety.description import CapsuleDescription, PairKind, SafetyDescription

#: Positions of a joint that are looked at to enclose what it moves; between them, an allowance.
_SAMPLES = 17
#: Corners of the polygon drawn around a cylinder's end.
_CORNERS = 16


@dataclass(frozen=True, eq=False)
class Body:
    """One shape, fixed to a joint.

    Attributes:
        links: those that it stands for.
        joint: Pinocchio's id of the joint that carries it.
        placement: its frame in the joint's.
        shape: a coal.Capsule, coal.Sphere or coal.Box.
        kinds: pairs that it takes part in.
    """

    name: str
    links: frozenset[str]
    joint: int
    placement: pin.SE3
    shape: coal.CollisionGeometry
    kinds: frozenset[PairKind]


def robot_bodies(
    robot: RobotModel, safety: SafetyDescription, model: pin.Model
) -> tuple[Body, ...]:
    """The description's capsules, and the URDF's own shapes for what these leave out.

    Cylinders become capsules of their radius and length: a little more than the cylinder.

    Raises:
        RobotDescriptionError: Pinocchio dropped or does not support a shape, or a capsule encloses
            links that have no shape or do not hang on its own link.
    """
    shapes = _urdf_shapes(robot, model)
    bodies = [_merged(robot, model, shapes, given, safety) for given in safety.capsules.values()]
    for shape in shapes:
        replaced = {
            kind
            for given in safety.capsules.values()
            if shape.links <= set(given.around)
            for kind in given.against
        }
        kinds = frozenset(PairKind) - replaced
        if kinds:
            bodies.append(replace(shape, shape=_rounded(shape.shape), kinds=kinds))
    return tuple(bodies)


def _rounded(shape: coal.CollisionGeometry) -> coal.CollisionGeometry:
    """A cylinder with a cap on each end: its distances are exact and smooth."""
    if isinstance(shape, coal.Cylinder):
        return coal.Capsule(shape.radius, 2 * shape.halfLength)
    return shape


def _urdf_shapes(robot: RobotModel, model: pin.Model) -> list[Body]:
    """The URDF's collision shapes, as they are."""
    geometry = pin.buildGeomFromUrdf(model, str(robot.urdf), pin.COLLISION)
    expected = robot.description.urdf.collision_count
    if geometry.ngeoms != expected:
        raise RobotDescriptionError(
            str(robot.urdf),
            f"holds {expected} collision shapes, Pinocchio loads {geometry.ngeoms}; replace those "
            "that it drops, such as <capsule>, by <cylinder>",
        )
    return [
        Body(
            name=given.name,
            links=frozenset({model.frames[given.parentFrame].name}),
            joint=given.parentJoint,
            placement=given.placement,
            shape=_supported(robot, given),
            kinds=frozenset(PairKind),
        )
        for given in geometry.geometryObjects
    ]


def _supported(robot: RobotModel, given: pin.GeometryObject) -> coal.CollisionGeometry:
    shape = given.geometry
    if isinstance(shape, coal.Cylinder | coal.Sphere | coal.Box):
        return shape
    raise RobotDescriptionError(
        f"{robot.urdf}, {given.name}",
        f"is a {type(shape).__name__}, expected a box, cylinder or sphere; give the link a simple "
        "<collision> shape",
    )


def _merged(
    robot: RobotModel,
    model: pin.Model,
    shapes: list[Body],
    given: CapsuleDescription,
    safety: SafetyDescription,
) -> Body:
    """One capsule around links, wherever the joints between them and its own link stand."""
    where = f"{safety.source}, capsules.{given.name}"
    frame = model.frames[model.getFrameId(given.link)]
    own = frame.parentJoint
    spheres = []
    for link in given.around:
        mine = [shape for shape in shapes if link in shape.links]
        if not mine:
            raise RobotDescriptionError(where, f"encloses {link}, which has no <collision> shape")
        for shape in mine:
            if own not in model.supports[shape.joint]:
                raise RobotDescriptionError(
                    where, f"encloses {link}, which does not hang on {given.link}"
                )
            spheres.append(_swept(robot, model, own, shape))
    centres, radii = (np.concatenate(parts) for parts in zip(*spheres, strict=True))
    capsule = enclosing_capsule(centres, radii)
    return Body(
        name=given.name,
        links=frozenset(given.around),
        joint=own,
        placement=pin.SE3(capsule.rotation, capsule.centre),
        shape=coal.Capsule(capsule.radius_m, 2 * capsule.half_length_m),
        kinds=given.against,
    )


def _swept(
    robot: RobotModel, model: pin.Model, own: int, shape: Body
) -> tuple[np.ndarray, np.ndarray]:
    """Spheres `(n, 3)`, `(n,)` in the frame of joint `own` whose hull holds a shape as it moves.

    Between two sampled positions a point leaves the chord by its lever times 1 - cos(half a step),
    which is added to the radius.
    """
    centres, radius = _spheres(shape)
    chain = [joint for joint in model.supports[shape.joint] if joint > own]
    configuration = robot.pinocchio_position(robot.ready_pose)
    data = model.createData()
    ranges = [_range(robot, model, joint, configuration) for joint in chain]
    found = []
    for positions in itertools.product(*ranges):
        for joint, position in zip(chain, positions, strict=True):
            configuration[model.joints[joint].idx_q] = position
        pin.forwardKinematics(model, data, configuration)
        moved = data.oMi[own].actInv(data.oMi[shape.joint])
        found.append(centres @ moved.rotation.T + moved.translation)
    points = np.concatenate(found)
    lever = np.linalg.norm(points, axis=1).max()
    steps = [joint_range[1] - joint_range[0] for joint_range in ranges if len(joint_range) > 1]
    allowance = sum(lever * (1 - np.cos(step / 2)) for step in steps)
    return points, np.full(len(points), radius + allowance)


def _spheres(shape: Body) -> tuple[np.ndarray, float]:
    """Points `(n, 3)` in the joint's frame and one radius: spheres whose hull holds the shape."""
    given = shape.shape
    if isinstance(given, coal.Cylinder):
        angles = np.arange(_CORNERS) * 2 * np.pi / _CORNERS
        circle = np.column_stack((np.cos(angles), np.sin(angles))) / np.cos(np.pi / _CORNERS)
        local = np.vstack(
            [np.insert(given.radius * circle, 2, z * given.halfLength, axis=1) for z in (-1, 1)]
        )
        radius = 0.0
    elif isinstance(given, coal.Sphere):
        local, radius = np.zeros((1, 3)), given.radius
    else:
        local = np.array(list(itertools.product((-1, 1), repeat=3))) * given.halfSide
        radius = 0.0
    return local @ shape.placement.rotation.T + shape.placement.translation, float(radius)


def _range(
    robot: RobotModel, model: pin.Model, joint: int, configuration: np.ndarray
) -> np.ndarray:
    """Positions of a joint over its operating range [rad]; one where it is not commanded."""
    for place, given in enumerate(robot.description.joints):
        if given.urdf_joint == model.names[joint]:
            ends = robot.to_urdf(np.array((robot.limits.lower, robot.limits.upper)))[:, place]
            return np.linspace(ends.min(), ends.max(), _SAMPLES)
    return np.array([configuration[model.joints[joint].idx_q]])
