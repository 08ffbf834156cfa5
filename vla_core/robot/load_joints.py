"""Reads the `groups` of a robot's YAML: joints in canonical order with units and limits."""

from __future__ import annotations

from collections import Counter

from vla_core.errors import RobotDescriptionError
from vla_core.robot.checked_yaml import CheckedMapping
from vla_core.robot.description import METRES_PER_RADIAN, JointDescription, Unit
from vla_core.robot.urdf import Urdf, UrdfJoint

_ROUNDING = 1e-9


def load_joints(yaml: CheckedMapping, urdf: Urdf) -> tuple[JointDescription, ...]:
    """Joints in the file's order; what a joint does not say, its group says.

    Position limits that neither says are the URDF's, less `position_margin`.

    Raises:
        RobotDescriptionError: a joint that the URDF lacks, a missing limit, an unknown unit,
            limits outside the URDF's, a joint moved twice.
    """
    margin = yaml.number("position_margin")
    joints = []
    for group_name, group in yaml.mappings("groups").items():
        for name, joint in group.mappings("joints").items():
            joints.append(_joint(name, joint, group_name, group, urdf, margin))
        _touch_defaults(group)
        group.done()
    for key in ("name", "urdf_joint"):
        counts = Counter(getattr(joint, key) for joint in joints)
        repeated = [name for name, count in counts.items() if count > 1]
        if repeated:
            raise RobotDescriptionError(
                yaml.where("groups"), f"{key} {', '.join(repeated)} given twice; keep one"
            )
    return tuple(joints)


def _joint(
    name: str,
    yaml: CheckedMapping,
    group_name: str,
    group: CheckedMapping,
    urdf: Urdf,
    margin: float,
) -> JointDescription:
    unit = (yaml if "unit" in yaml else group).choice("unit", Unit)
    scale, offset = _map_to_urdf(yaml, unit)
    urdf_joint = _urdf_joint(name, yaml, urdf)
    hard_lower, hard_upper = _urdf_limits(urdf_joint, scale, offset)
    soft_margin = margin / abs(scale)
    lower = yaml.number("lower") if "lower" in yaml else hard_lower + soft_margin
    upper = yaml.number("upper") if "upper" in yaml else hard_upper - soft_margin
    if not hard_lower - _ROUNDING <= lower < upper <= hard_upper + _ROUNDING:
        raise RobotDescriptionError(
            yaml.where(),
            f"got limits {lower:g} to {upper:g}, expected an interval inside the URDF's "
            f"{hard_lower:g} to {hard_upper:g} [{unit.value}]",
        )
    joint = JointDescription(
        name=name,
        group=group_name,
        unit=unit,
        urdf_joint=urdf_joint.name,
        scale=scale,
        offset=offset,
        lower=lower,
        upper=upper,
        velocity=_limit("velocity", f"{unit.value}/s", yaml, group),
        acceleration=_limit("acceleration", f"{unit.value}/s^2", yaml, group),
        jerk=_limit("jerk", f"{unit.value}/s^3", yaml, group),
        per_radian=(METRES_PER_RADIAN if urdf_joint.slides else 1.0) / abs(scale),
    )
    yaml.done()
    return joint


def _map_to_urdf(yaml: CheckedMapping, unit: Unit) -> tuple[float, float]:
    """Scale and offset from the joint's unit to the URDF's."""
    if unit is not Unit.NORMALISED:
        return 1.0, 0.0
    scale = yaml.number("scale")
    if scale == 0:
        raise RobotDescriptionError(yaml.where("scale"), "got 0, expected URDF units per unit")
    return scale, yaml.number("offset")


def _urdf_joint(name: str, yaml: CheckedMapping, urdf: Urdf) -> UrdfJoint:
    urdf_name = yaml.text("urdf_joint") if "urdf_joint" in yaml else name
    if urdf_name not in urdf.joints:
        raise RobotDescriptionError(
            yaml.where(),
            f"{urdf.path.name} has no joint {urdf_name!r}; it has {', '.join(sorted(urdf.joints))}",
        )
    return urdf.joints[urdf_name]


def _urdf_limits(joint: UrdfJoint, scale: float, offset: float) -> tuple[float, float]:
    ends = sorted(((joint.lower - offset) / scale, (joint.upper - offset) / scale))
    return ends[0], ends[1]


def _limit(key: str, unit: str, yaml: CheckedMapping, group: CheckedMapping) -> float:
    for mapping in (yaml, group):
        if key in mapping:
            return mapping.positive(key)
    raise RobotDescriptionError(
        yaml.where(key), f"is missing, here and in the group; add it [{unit}]"
    )


def _touch_defaults(group: CheckedMapping) -> None:
    """A group's default that every joint overrides is still a known key."""
    if "unit" in group:
        group.choice("unit", Unit)
    for key in ("velocity", "acceleration", "jerk"):
        if key in group:
            group.positive(key)
