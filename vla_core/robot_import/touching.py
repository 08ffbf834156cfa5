"""Which links need not be kept apart, found by sampling as MoveIt's assistant does, with reasons."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

import numpy as np
import pinocchio as pin

from vla_core.robot_import.clearance import Clearance

#: Links are never near where no sample brought them nearer than this [m].
NEVER_M = 0.06
#: Links nearer than what the ready pose keeps, in this share of the samples or more, cannot keep it.
_ALWAYS = 0.95


def touching_pairs(
    clearance: Clearance,
    samples: Sequence[np.ndarray],
    hands: Sequence[set[int]],
    kept_m: float,
) -> dict[tuple[str, str], str]:
    """Pairs of links that are not compared, and why.

    Args:
        samples: configurations that were looked at.
        hands: by hand the joints that carry its links.
        kept_m: what the ready pose keeps [m].
    """
    distances = np.array([clearance.at(sample) for sample in samples])
    nearest, share = distances.min(axis=0), (distances <= kept_m).mean(axis=0)
    found = {}
    for place, (first, second) in enumerate(clearance.pairs):
        joints = (clearance.joints[first], clearance.joints[second])
        steps = _between(clearance.model, *joints)
        if steps == 0 or not np.isfinite(nearest[place]):
            continue
        if steps == 1:
            reason = "Adjacent"
        elif steps == 2:
            reason = "Adjacent: two joints apart"
        elif any(set(joints) <= hand for hand in hands):
            reason = "Hand: parts of one hand"
        elif share[place] >= _ALWAYS:
            reason = f"Always: near in {100 * share[place]:.0f} % of {len(samples)} poses"
        elif nearest[place] > NEVER_M:
            reason = f"Never: nearest {1e3 * nearest[place]:.0f} mm in {len(samples)} poses"
        else:
            continue
        found[clearance.links[first], clearance.links[second]] = reason
    return found


def srdf_text(name: str, pairs: dict[tuple[str, str], str]) -> str:
    """The SRDF; every reason is a guess but that of neighbours."""
    root = ElementTree.Element("robot", name=name)
    root.append(ElementTree.Comment(" GUESS, by vla import: pairs of links that are not compared "))
    for (first, second), reason in pairs.items():
        ElementTree.SubElement(
            root, "disable_collisions", link1=first, link2=second, reason=reason
        )
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _between(model: pin.Model, one: int, other: int) -> int:
    """Joints on the way from one joint's body to the other's."""
    above, others = list(model.supports[one]), list(model.supports[other])
    return len(set(above) ^ set(others))
