"""`vla import`: from a stranger's description to the files of a robot."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pinocchio as pin

from vla_core.errors import ConfigError, RobotDescriptionError
from vla_core.robot_import.cameras import find_cameras
from vla_core.robot_import.clearance import Clearance
from vla_core.robot_import.files import Hand, ImportedJoint, robot_yaml, safety_yaml
from vla_core.robot_import.guess import Guess
from vla_core.robot_import.limbs import Limb, Parts, Tree, find_parts
from vla_core.robot_import.plain_urdf import PlainUrdf
from vla_core.robot_import.posing import Poses
from vla_core.robot_import.source import Source
from vla_core.robot_import.touching import srdf_text, touching_pairs

#: Poses that are sampled for the pairs that may touch.
SAMPLES = 2000
#: Distance that the ready pose keeps [m]: the widest soft margin that is written, and a little.
_READY_M = 0.035
#: Joints in a row of a hand that is compared as one; a longer one would take minutes to enclose.
_HAND_CHAIN = 3


class Imported(NamedTuple):
    """What was written.

    Attributes:
        yaml: the robot's.
        files: all but the meshes.
        guesses: what was decided without being told, besides what the files themselves mark.
    """

    yaml: Path
    files: tuple[Path, ...]
    guesses: tuple[Guess, ...]


def import_robot(
    given: Path,
    name: str,
    configs: Path,
    urdfs: Path,
    packages: Mapping[str, Path] | None = None,
    arguments: Mapping[str, str] | None = None,
    samples: int = SAMPLES,
) -> Imported:
    """Write `configs/NAME.yaml`, `.srdf`, `.safety.yaml`, and `urdfs/NAME.urdf` with its meshes.

    Args:
        given: a URDF or a xacro.
        packages, arguments: as for `Source`.
        samples: poses in which links are looked at for whether they may touch.

    Raises:
        ConfigError: no such name, or files of that name are there.
        RobotDescriptionError: the description cannot be read, or has no arm.
    """
    files = _targets(name, configs, urdfs)
    plain = PlainUrdf(Source(given, packages, arguments), name)
    with TemporaryDirectory() as folder:
        drawn = str(Path(folder) / "plain.urdf")
        plain.write(Path(drawn))
        robot = _Robot(pin.buildModelFromUrdf(drawn), plain)
        clearance = Clearance(robot.model, drawn)
    hands = robot.hands()
    within = [set(robot.subtree(limb.arm[-1])) for limb in robot.parts.limbs]
    pairs = touching_pairs(clearance, robot.poses.random(samples), within, _READY_M)
    kept = np.array([k for k, pair in enumerate(clearance.named) if pair not in pairs], int)
    ready = robot.poses.ready(
        lambda pose: [clearance.named[k] for k in kept[clearance.at(pose)[kept] <= _READY_M]]
    )
    groups = robot.groups
    texts = {
        "yaml": robot_yaml(
            name, given.name, os.path.relpath(files["urdf"], configs), robot.root, groups,
            robot.still(), hands,
            find_cameras([link.get("name") for link in plain.root.findall("link")]),
            {group: robot.values(ready, joints) for group, joints in groups.items()},
            plain.guesses,
        ),
        "srdf": srdf_text(name, pairs),
        "safety.yaml": safety_yaml(name, given.name, robot.bodies(clearance), groups),
    }  # fmt: skip
    for folder in (configs, urdfs):
        folder.mkdir(parents=True, exist_ok=True)
    plain.write(files["urdf"])  # with the hands' frames
    plain.write_meshes(urdfs)
    for key, text in texts.items():
        files[key].write_text(text)
    return Imported(files["yaml"], tuple(files.values()), tuple(plain.guesses))


class _Robot:
    """What is found in the plain URDF."""

    def __init__(self, model: pin.Model, plain: PlainUrdf) -> None:
        self.model, self._plain = model, plain
        self.parts: Parts = find_parts(model, plain.mimics)
        if not self.parts.limbs:
            raise RobotDescriptionError(
                plain.root.get("name"), "has no arm: no row of four joints or more that is no leg"
            )
        self.groups = self._groups()
        lower, upper = model.lowerPositionLimit.copy(), model.upperPositionLimit.copy()
        for joint in (joint for joints in self.groups.values() for joint in joints):
            place = model.joints[model.getJointId(joint.name)].idx_q
            lower[place], upper[place] = joint.lower, joint.upper
        self.poses = Poses(Tree(model, set(plain.mimics)), self.parts, lower, upper)
        children = {joint.find("child").get("link") for joint in plain.root.findall("joint")}
        links = [link.get("name") for link in plain.root.findall("link")]
        self.root = next(link for link in links if link not in children)

    def subtree(self, joint: str) -> list[int]:
        """Pinocchio's ids of what a joint carries, itself included."""
        return list(self.model.subtrees[self.model.getJointId(joint)])

    def values(self, pose: np.ndarray, joints: list[ImportedJoint]) -> list[float]:
        """Of a group, inside its limits after rounding."""
        places = self.poses.indices([joint.name for joint in joints])
        return [
            float(np.clip(round(float(value), 4), joint.lower, joint.upper))
            for value, joint in zip(pose[places], joints, strict=True)
        ]

    def still(self) -> dict[str, tuple[float, str]]:
        """Joints that nobody commands: where they stand, and why."""
        names = list(self.parts.still)
        at = self.poses.still[self.poses.indices(names)]
        return {
            n: (float(value), self.parts.still[n]) for n, value in zip(names, at, strict=True)
        }

    def hands(self) -> list[Hand]:
        """End effectors; a frame between the fingers is added to the URDF."""
        found = []
        for limb in self.parts.limbs:
            if not limb.hand:
                self._plain.guesses.append(
                    Guess(limb.arm[-1], "carries no hand that moves: no end effector is described")
                )
                continue
            name = limb.side or "hand"
            wrist, grasp = self._child(limb.arm[-1]), f"{name}_grasp_frame"
            self._plain.add_frame(grasp, wrist, self._between_fingers(limb))
            opened, closed = self._ends(self.groups[f"{limb.prefix}hand"])
            groups = (f"{limb.prefix}arm", f"{limb.prefix}hand")
            found.append(Hand(name, wrist, grasp, *groups, opened, closed))
        return found

    def bodies(self, clearance: Clearance) -> dict[str, list[str]]:
        """Hands that are compared as one: their links, the one that carries them first."""
        found = {}
        for limb in self.parts.limbs:
            wrist = self._child(limb.arm[-1])
            carried = self.subtree(limb.arm[-1])
            links = [
                link
                for link, joint in zip(clearance.links, clearance.joints, strict=True)
                if joint in carried
            ]
            commanded = {self.model.getJointId(n) for n in limb.hand}
            rows = [len(commanded.intersection(self.model.supports[joint])) for joint in carried]
            if wrist in links and len(links) > 1 and max(rows) <= _HAND_CHAIN:
                links.remove(wrist)
                found[f"{limb.prefix}hand_body"] = [wrist, *links]
        return found

    def _groups(self) -> dict[str, list[ImportedJoint]]:
        parts = self.parts
        named = {"torso": parts.torso, "head": parts.head}
        for limb in parts.limbs:
            named |= {f"{limb.prefix}arm": limb.arm, f"{limb.prefix}hand": limb.hand}
        return {group: list(map(self._joint, names)) for group, names in named.items() if names}

    def _joint(self, name: str) -> ImportedJoint:
        joint = self.model.joints[self.model.getJointId(name)]
        slides = joint.shortname().startswith("JointModelP")
        q, v = joint.idx_q, joint.idx_v
        lower, upper = self.model.lowerPositionLimit[q], self.model.upperPositionLimit[q]
        return ImportedJoint.of(name, slides, lower, upper, self.model.velocityLimit[v])

    def _child(self, joint: str) -> str:
        """The link that a joint moves."""
        return next(
            each.find("child").get("link")
            for each in self._plain.root.findall("joint")
            if each.get("name") == joint
        )

    def _between_fingers(self, limb: Limb) -> pin.SE3:
        """The middle of where the hand's joints are, in the wrist's frame."""
        data = self.model.createData()
        pin.forwardKinematics(self.model, data, self.poses.still)
        wrist = data.oMi[self.model.getJointId(limb.arm[-1])]
        places = [data.oMi[j].translation for j in self.subtree(limb.arm[-1])[1:]]
        return pin.SE3(np.eye(3), wrist.actInv(np.mean(places, axis=0)))

    @staticmethod
    def _ends(joints: list[ImportedJoint]) -> tuple[list[float], list[float]]:
        """Open and closed: what slides is open far from zero, what turns near it."""
        opened, closed = [], []
        for joint in joints:
            near, far = sorted((joint.lower, joint.upper), key=abs)
            opened.append(far if joint.slides else near)
            closed.append(near if joint.slides else far)
        return opened, closed


def _targets(name: str, configs: Path, urdfs: Path) -> dict[str, Path]:
    """The files by suffix; none is there yet."""
    if re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) is None:
        raise ConfigError("--name", f"got {name!r}, expected letters, digits and _")
    files = {key: configs / f"{name}.{key}" for key in ("yaml", "srdf", "safety.yaml")}
    files["urdf"] = urdfs / f"{name}.urdf"
    if there := [str(file) for file in files.values() if file.exists()]:
        raise ConfigError("--name", f"{', '.join(there)} would be overwritten; remove it first")
    return files
