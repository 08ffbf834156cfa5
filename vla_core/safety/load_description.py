"""Reads a robot's safety YAML and its SRDF, and refuses what contradicts itself or the URDF."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import MappingProxyType

import numpy as np

from vla_core.errors import RobotDescriptionError
from vla_core.robot.checked_yaml import CheckedMapping
from vla_core.robot.description import RobotDescription
from vla_core.robot.urdf import Urdf
from vla_core.safety.description import (
    BodyDescription,
    Box,
    HandSpeedMode,
    HullShape,
    Margin,
    PairKind,
    SafetyDescription,
    TrackingLimit,
    Workspace,
)


def load_safety(robot: RobotDescription) -> SafetyDescription | None:
    """Read the safety description that a robot names; None when it names none.

    Raises:
        RobotDescriptionError: a file is missing or contradicts the robot; says where, what was got
            and what was expected.
    """
    if robot.safety_file is None:
        return None
    yaml = CheckedMapping.read(robot.safety_file)
    srdf = (robot.safety_file.parent / yaml.text("srdf")).resolve()
    bodies = _bodies(yaml, robot.urdf)
    safety = SafetyDescription(
        source=robot.safety_file,
        srdf=srdf,
        allowed=_allowed(srdf, robot.urdf),
        margins=MappingProxyType(_margins(yaml.mapping("margins"))),
        bodies=MappingProxyType(bodies),
        boxes=MappingProxyType(_boxes(yaml, robot.urdf)),
        workspace=_workspace(yaml, bodies, robot.urdf),
        hand_speed=MappingProxyType(_hand_speed(yaml.mapping("hand_speed"))),
        tracking=MappingProxyType(_tracking(yaml, tuple(robot.groups))),
        estop_heartbeat_s=_not_negative(yaml, "estop_heartbeat_s"),
    )
    yaml.done()
    return safety


def _allowed(path: Path, urdf: Urdf) -> frozenset[frozenset[str]]:
    """Pairs of links that an SRDF allows to touch."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise RobotDescriptionError(str(path), f"cannot be read as SRDF: {error}") from error
    pairs = set()
    for element in root.findall("disable_collisions"):
        pair = frozenset((element.get("link1", ""), element.get("link2", "")))
        unknown = sorted(pair - urdf.links)
        if unknown or len(pair) != 2:
            raise RobotDescriptionError(
                f"{path}, disable_collisions",
                f"got {element.get('link1')!r} and {element.get('link2')!r}, expected two links "
                f"of {urdf.path.name}",
            )
        pairs.add(pair)
    return frozenset(pairs)


def _margins(yaml: CheckedMapping) -> dict[PairKind, Margin]:
    margins = {}
    for kind in PairKind:
        inner = yaml.mapping(kind.value)
        margin = Margin(_not_negative(inner, "hard"), inner.number("soft"))
        if margin.hard_m >= margin.soft_m:
            raise RobotDescriptionError(
                inner.where(),
                f"got hard {margin.hard_m:g} and soft {margin.soft_m:g} m, expected hard < soft",
            )
        inner.done()
        margins[kind] = margin
    yaml.done()
    return margins


def _bodies(yaml: CheckedMapping, urdf: Urdf) -> dict[str, BodyDescription]:
    bodies: dict[str, BodyDescription] = {}
    if "bodies" not in yaml:
        return bodies
    for name, inner in yaml.mappings("bodies").items():
        hull = inner.choice("hull", HullShape) if "hull" in inner else HullShape.CAPSULE
        body = BodyDescription(name, inner.text("link"), inner.texts("links"), hull)
        _refuse_unknown_links(inner, (body.link, *body.links), urdf)
        for other in bodies.values():
            if shared := sorted(set(other.links) & set(body.links)):
                raise RobotDescriptionError(
                    inner.where("links"),
                    f"{', '.join(shared)} also in {other.name}; keep each link in one body",
                )
        bodies[name] = body
        inner.done()
    return bodies


def _boxes(yaml: CheckedMapping, urdf: Urdf) -> dict[str, Box]:
    boxes = {}
    if "boxes" not in yaml:
        return boxes
    for name, inner in yaml.mappings("boxes").items():
        kind = inner.choice("kind", PairKind)
        size = _vector(inner, "size")
        if kind not in (PairKind.TABLE, PairKind.KEEP_OUT):
            raise RobotDescriptionError(
                inner.where("kind"), f"got {kind}, expected table or keep_out"
            )
        if (size <= 0).any():
            raise RobotDescriptionError(
                inner.where("size"), f"got {size.tolist()}, expected more than 0 m"
            )
        rpy = _vector(inner, "rpy") if "rpy" in inner else _frozen((0.0, 0.0, 0.0))
        allowed = inner.texts("allowed") if "allowed" in inner else ()
        _refuse_unknown_links(inner, allowed, urdf)
        boxes[name] = Box(name, kind, _vector(inner, "centre"), rpy, size, frozenset(allowed))
        inner.done()
    return boxes


def _workspace(
    yaml: CheckedMapping, bodies: dict[str, BodyDescription], urdf: Urdf
) -> Workspace | None:
    if "workspace" not in yaml:
        return None
    inner = yaml.mapping("workspace")
    lower, upper, kept = _vector(inner, "lower"), _vector(inner, "upper"), inner.texts("bodies")
    inner.done()
    if not (lower < upper).all():
        raise RobotDescriptionError(
            inner.where(),
            f"got lower {lower.tolist()} and upper {upper.tolist()}, expected lower < upper",
        )
    if unknown := [name for name in kept if name not in bodies]:
        raise RobotDescriptionError(
            inner.where("bodies"),
            f"got {', '.join(unknown)}, expected some of {', '.join(bodies) or 'none: no bodies'}",
        )
    inside = {link for name in kept for link in bodies[name].links}
    return Workspace(lower, upper, frozenset(urdf.links - inside))


def _hand_speed(yaml: CheckedMapping) -> dict[HandSpeedMode, float]:
    speeds = {mode: yaml.positive(mode.value) for mode in HandSpeedMode}
    yaml.done()
    return speeds


def _tracking(yaml: CheckedMapping, groups: tuple[str, ...]) -> dict[str, TrackingLimit]:
    inner = yaml.mapping("tracking")
    limits = {}
    for group in groups:
        both = inner.mapping(group)
        limit = TrackingLimit(both.positive("slow"), both.positive("stop"))
        if limit.slow >= limit.stop:
            raise RobotDescriptionError(
                both.where(), f"got slow {limit.slow:g}, stop {limit.stop:g}; expected slow < stop"
            )
        both.done()
        limits[group] = limit
    inner.done()
    return limits


def _refuse_unknown_links(yaml: CheckedMapping, links: tuple[str, ...], urdf: Urdf) -> None:
    unknown = [link for link in links if link not in urdf.links]
    if unknown:
        raise RobotDescriptionError(
            yaml.where(), f"names the links {', '.join(unknown)}, which {urdf.path.name} lacks"
        )


def _not_negative(yaml: CheckedMapping, key: str) -> float:
    value = yaml.number(key)
    if value < 0:
        raise RobotDescriptionError(yaml.where(key), f"got {value:g}, expected 0 or more")
    return value


def _vector(yaml: CheckedMapping, key: str) -> np.ndarray:
    values = yaml.numbers(key)
    if len(values) != 3:
        raise RobotDescriptionError(yaml.where(key), f"got {len(values)} numbers, expected x, y, z")
    return _frozen(values)


def _frozen(values: tuple[float, ...]) -> np.ndarray:
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array
