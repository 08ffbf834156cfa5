"""What a robot's joints are for: arms, hands, torso and head, from the tree and its names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import pinocchio as pin

#: A limb has so many joints in a row, and reaches this share of the robot's extent.
_LIMB_JOINTS, _LIMB_REACH = 4, 0.18
_LEG = re.compile(r"hip|knee|ankle|leg|foot|thigh|calf|shank", re.IGNORECASE)
_FINGER = re.compile(r"finger|grip|thumb|jaw|claw|index|middle|ring|pinky|little|hand", re.IGNORECASE)
_HEAD = re.compile(r"head|neck", re.IGNORECASE)
_WHEEL = re.compile(r"wheel|caster|steer", re.IGNORECASE)
_SIDES = {"left": re.compile(r"(^|_|\b)(left|l)(_|\b|$)|^left|^L[A-Z]|left", re.IGNORECASE),
          "right": re.compile(r"(^|_|\b)(right|r)(_|\b|$)|^right|^R[A-Z]|right", re.IGNORECASE)}  # fmt: skip


@dataclass
class Limb:
    """An arm: its joints from the body on, and those of its hand.

    Attributes:
        side: `left`, `right`, or empty.
    """

    arm: list[str]
    hand: list[str]
    side: str = ""

    @property
    def prefix(self) -> str:
        """Before the names of its groups."""
        return f"{self.side}_" if self.side else ""


@dataclass
class Parts:
    """Names of joints by what they are for; `still` is commanded by nobody."""

    torso: list[str] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    limbs: list[Limb] = field(default_factory=list)
    still: dict[str, str] = field(default_factory=dict)


class Tree:
    """The joints that move by themselves, and where they are at zero.

    Args:
        model: of the plain URDF.
        followers: joints that follow others: no joints of their own here.
    """

    def __init__(self, model: pin.Model, followers: set[str]) -> None:
        self.model, self.data = model, model.createData()
        pin.forwardKinematics(model, self.data, pin.neutral(model))
        own = [j for j in range(1, model.njoints) if model.names[j] not in followers]
        self.children: dict[int, list[int]] = {j: [] for j in (0, *own)}
        for joint in own:
            above = [j for j in list(model.supports[joint])[:-1] if j in self.children]
            self.children[above[-1]].append(joint)
        places = np.array([self.place(j) for j in own] or [np.zeros(3)])
        self.extent_m = float(np.linalg.norm(places.max(axis=0) - places.min(axis=0)))

    def place(self, joint: int) -> np.ndarray:
        """`(3,)` in the base frame [m]."""
        return self.data.oMi[joint].translation

    def below(self, joint: int) -> list[int]:
        """It and all that it carries."""
        return [joint, *(k for child in self.children[joint] for k in self.below(child))]

    def depth(self, joint: int) -> int:
        """Most joints in a row from it on."""
        return 1 + max((self.depth(child) for child in self.children[joint]), default=0)

    def reach(self, joint: int) -> float:
        """Longest way along the joints that it carries [m]."""
        here = self.place(joint)
        ways = (np.linalg.norm(self.place(k) - here) + self.reach(k) for k in self.children[joint])
        return float(max(ways, default=0.0))

    def is_limb(self, joint: int) -> bool:
        """Whether an arm or a leg begins there, or below."""
        long = self.reach(joint) > _LIMB_REACH * self.extent_m
        return self.depth(joint) >= _LIMB_JOINTS and long

    def chain(self, joint: int) -> list[int]:
        """From it on while nothing branches."""
        found = [joint]
        while len(children := self.children[found[-1]]) == 1:
            found += children
        return found


def find_parts(model: pin.Model, followers: dict[str, str]) -> Parts:
    """Arms with their hands, the torso that carries them, and the head; the rest stands still."""
    tree, parts = Tree(model, set(followers)), Parts()
    parts.still.update({name: f"follows {other}" for name, other in followers.items()})
    for joint in tree.children[0]:
        _sort(tree, joint, parts)
    _name_sides(tree, parts)
    return parts


def _sort(tree: Tree, joint: int, parts: Parts) -> None:
    name = tree.model.names[joint]
    all_names = [tree.model.names[j] for j in tree.below(joint)]
    if not tree.is_limb(joint):
        if any(_HEAD.search(n) for n in all_names) and tree.depth(joint) == len(all_names):
            parts.head += all_names
        else:
            parts.still.update(dict.fromkeys(all_names, "is neither arm nor head"))
        return
    chain = tree.chain(joint)
    ends = tree.children[chain[-1]]
    if any(tree.is_limb(child) for child in ends):
        parts.torso += [tree.model.names[j] for j in chain]
        for child in ends:
            _sort(tree, child, parts)
        return
    arm = [tree.model.names[j] for j in chain]
    hand = [tree.model.names[j] for child in ends for j in tree.below(child)]
    if sum(bool(_LEG.search(n)) for n in all_names) > len(all_names) / 3:
        parts.still.update(dict.fromkeys(all_names, "is of a leg"))
        return
    if any(_WHEEL.search(n) for n in arm[:1]):
        parts.still.update(dict.fromkeys(all_names, "is of a wheel"))
        return
    while not hand and len(arm) > 3 and _is_finger(tree.model, arm[-1]):
        hand.insert(0, arm.pop())
        if not _is_finger(tree.model, arm[-1]):
            break
    parts.limbs.append(Limb(arm, hand))


def _is_finger(model: pin.Model, name: str) -> bool:
    slides = model.joints[model.getJointId(name)].shortname().startswith("JointModelP")
    return slides or bool(_FINGER.search(name))


def _name_sides(tree: Tree, parts: Parts) -> None:
    """By most of their joints' names, else by where they begin (y to the left)."""
    for limb in parts.limbs:
        counts = {
            side: sum(bool(words.search(n)) for n in limb.arm) for side, words in _SIDES.items()
        }
        best = max(counts, key=counts.get)
        if counts[best] and len(set(counts.values())) > 1:
            limb.side = best
        elif len(parts.limbs) > 1:
            limb.side = "left" if tree.place(tree.model.getJointId(limb.arm[1]))[1] > 0 else "right"
    sides = [limb.side for limb in parts.limbs]
    for place, limb in enumerate(parts.limbs):
        if sides.count(limb.side) > 1:
            limb.side = f"{limb.side or 'arm'}_{place + 1}"
