"""The few facts of a URDF that a description is checked against, read without a kinematics library."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from vla_core.errors import RobotDescriptionError

_SUPPORTED_SHAPES = frozenset({"box", "cylinder", "sphere", "mesh"})


@dataclass(frozen=True)
class UrdfJoint:
    """A movable joint of the URDF: position limits [rad] or [m], velocity limit [1/s of that]."""

    name: str
    lower: float
    upper: float
    velocity: float
    slides: bool = False


@dataclass(frozen=True)
class Urdf:
    """What a robot description needs to know of its URDF.

    Attributes:
        joints: movable joints by name.
        links: names of all links.
        collision_count, visual_count: geometries in the file.
        mass: of all links [kg].
    """

    path: Path
    joints: dict[str, UrdfJoint]
    links: frozenset[str]
    collision_count: int
    visual_count: int
    mass: float

    @classmethod
    def read(cls, path: Path) -> Urdf:
        """Parse a URDF.

        Raises:
            RobotDescriptionError: no such file, not XML, a joint without limits, a repeated name,
                or a shape that one of the loaders drops.
        """
        root = _parse(path)
        links = [_attribute(path, link, "name") for link in root.findall("link")]
        joints = [_joint(path, j) for j in root.findall("joint") if j.get("type") != "fixed"]
        _refuse_repeated(path, links + [_attribute(path, j, "name") for j in root.findall("joint")])
        _refuse_dropped_shapes(path, root)
        return cls(
            path=path,
            joints={joint.name: joint for joint in joints},
            links=frozenset(links),
            collision_count=len(root.findall("link/collision")),
            visual_count=len(root.findall("link/visual")),
            mass=sum(float(m.get("value", "nan")) for m in root.findall("link/inertial/mass")),
        )


def _parse(path: Path) -> ElementTree.Element:
    if not path.is_file():
        raise RobotDescriptionError(str(path), "no such file; correct `urdf` in the robot's YAML")
    try:
        return ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise RobotDescriptionError(str(path), f"is not XML: {error}") from error


def _attribute(path: Path, element: ElementTree.Element, key: str) -> str:
    value = element.get(key)
    if value is None:
        raise RobotDescriptionError(str(path), f"a <{element.tag}> has no {key!r}; add it")
    return value


def _joint(path: Path, element: ElementTree.Element) -> UrdfJoint:
    name = _attribute(path, element, "name")
    if element.get("type") not in ("revolute", "prismatic"):
        raise RobotDescriptionError(
            f"{path}, joint {name}",
            f"got type {element.get('type')!r}, expected revolute, prismatic or fixed",
        )
    if element.find("mimic") is not None:
        raise RobotDescriptionError(
            f"{path}, joint {name}", "is a <mimic>, which loaders treat differently; make it fixed"
        )
    limit = element.find("limit")
    values = [
        float(limit.get(key, "nan")) if limit is not None else math.nan
        for key in ("lower", "upper", "velocity")
    ]
    if not all(math.isfinite(v) for v in values) or values[0] >= values[1] or values[2] <= 0:
        raise RobotDescriptionError(
            f"{path}, joint {name}",
            f"got <limit> lower, upper, velocity {values}, expected numbers with lower < upper "
            "and velocity > 0",
        )
    return UrdfJoint(name, *values, slides=element.get("type") == "prismatic")


def _refuse_repeated(path: Path, names: list[str]) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise RobotDescriptionError(str(path), f"names used twice: {', '.join(repeated)}")


def _refuse_dropped_shapes(path: Path, root: ElementTree.Element) -> None:
    for link in root.findall("link"):
        for shape in link.findall("*/geometry/*"):
            if shape.tag not in _SUPPORTED_SHAPES:
                raise RobotDescriptionError(
                    f"{path}, link {link.get('name')}",
                    f"got <{shape.tag}>, which Pinocchio drops; expected one of "
                    f"{', '.join(sorted(_SUPPORTED_SHAPES))}",
                )
