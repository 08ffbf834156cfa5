"""Writes a vendor's description as a URDF that every loader here reads alike.

Meshes to be seen become STL beside it; collision meshes become boxes, capsules and spheres; joints
get the numbers that they lack. What was decided is kept as a `Guess`.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pinocchio as pin

from vla_core.robot_import.guess import Guess
from vla_core.robot_import.mesh import Mesh, read_mesh, thinned, write_stl
from vla_core.robot_import.shape_fit import fit_shape
from vla_core.robot_import.source import Source

#: Of a joint whose `velocity` says nothing [rad/s] or [m/s]; of one that turns for ever [rad].
_SLOW, _TURNS = {"revolute": 1.0, "prismatic": 0.05}, math.pi
#: Of a link that has no mass [kg], with a sphere's inertia [kg m^2].
_MASS, _INERTIA = 1e-3, 1e-6
#: A shape this much larger than its mesh, or reaching this far beyond it [m], is told.
_LARGE, _FAR_M = 2.5, 0.05
_LOADERS = {"fusestatic": "false", "discardvisual": "false", "balanceinertia": "true",
            "strippath": "true"}  # fmt: skip


class PlainUrdf:
    """A plain copy of a description.

    Args:
        source: the vendor's.
        name: of the robot.

    Attributes:
        root: its `<robot>`.
        mimics: joints that follow another one; each has become a joint of its own.
        guesses: what was decided.
        meshes: to be seen, by file name.
    """

    def __init__(self, source: Source, name: str) -> None:
        self._source, self._name = source, name
        self._read: dict[tuple[str, str], Mesh] = {}
        self.guesses: list[Guess] = []
        self.mimics: dict[str, str] = {}
        self.meshes: dict[str, Mesh] = {}
        self.root = ElementTree.Element("robot", name=name)
        compiler = {**_LOADERS, "meshdir": f"{name}_meshes"}
        ElementTree.SubElement(ElementTree.SubElement(self.root, "mujoco"), "compiler", compiler)
        self.root.extend(source.root.findall("material"))
        joints = source.root.findall("joint")
        taken = {joint.get("name") for joint in joints}
        renamed = {
            link.get("name"): f"{link.get('name')}_body"
            for link in source.root.findall("link")
            if link.get("name") in taken
        }
        self._guess(renamed, "shared its name with a joint, now {}")
        moved = {j.find("child").get("link") for j in joints if j.get("type") != "fixed"}
        for link in source.root.findall("link"):
            self.root.append(self._link(link, renamed, link.get("name") in moved))
        for joint in joints:
            self.root.append(self._joint(joint, renamed))

    def add_frame(self, name: str, link: str, placement: pin.SE3) -> None:
        """A link without a body, fixed to `link`."""
        ElementTree.SubElement(self.root, "link", name=name)
        joint = ElementTree.SubElement(self.root, "joint", name=f"{name}_joint", type="fixed")
        ElementTree.SubElement(joint, "parent", link=link)
        ElementTree.SubElement(joint, "child", link=name)
        joint.append(_origin(placement))

    def write(self, path: Path) -> None:
        """The file alone."""
        ElementTree.indent(self.root)
        ElementTree.ElementTree(self.root).write(path, xml_declaration=True, encoding="utf-8")

    def write_meshes(self, folder: Path) -> None:
        """What is to be seen, in a folder beside the file."""
        folder = folder / f"{self._name}_meshes"
        folder.mkdir(exist_ok=True)
        for name, mesh in self.meshes.items():
            write_stl(mesh, folder / name)

    def _guess(self, decided: dict[str, str], words: str) -> None:
        self.guesses += [Guess(where, words.format(what)) for where, what in decided.items()]

    def _link(
        self, given: ElementTree.Element, renamed: dict[str, str], moved: bool
    ) -> ElementTree.Element:
        name = given.get("name")
        link = ElementTree.Element("link", name=renamed.get(name, name))
        inertial = given.find("inertial")
        if inertial is not None and float(inertial.find("mass").get("value")) > 0:
            link.append(inertial)
        elif moved or given.find("visual") is not None or given.find("collision") is not None:
            link.append(_light())
            self.guesses.append(Guess(name, f"has no mass, {_MASS:g} kg is taken"))
        visuals = given.findall("visual")
        collisions = given.findall("collision")
        if visuals and not collisions:
            collisions = visuals
            self.guesses.append(Guess(name, "has no <collision>, what is seen is taken"))
        for visual in visuals:
            seen = ElementTree.SubElement(link, "visual")
            seen.append(_given_origin(visual))
            ElementTree.SubElement(seen, "geometry").append(self._seen(visual.find("geometry")[0]))
            if (material := visual.find("material")) is not None:
                seen.append(material)
        for place, collision in enumerate(collisions):
            link.append(self._collision(collision, f"{name}_{place}", name))
        return link

    def _mesh(self, shape: ElementTree.Element) -> Mesh:
        filename, scale = shape.get("filename"), shape.get("scale", "1 1 1")
        if (filename, scale) not in self._read:
            self._read[filename, scale] = read_mesh(
                self._source.mesh(filename), np.array(scale.split(), dtype=float)
            )
        return self._read[filename, scale]

    def _seen(self, shape: ElementTree.Element) -> ElementTree.Element:
        if shape.tag != "mesh":
            return _without_caps(shape)
        mesh, stem = self._mesh(shape), Path(shape.get("filename")).stem
        place = list(self._read).index((shape.get("filename"), shape.get("scale", "1 1 1")))
        name = f"{place:03d}_{re.sub(r'[^A-Za-z0-9_]', '_', stem)}.stl"
        if name not in self.meshes:
            self.meshes[name] = thinned(mesh)
        return ElementTree.Element("mesh", filename=f"package://{self._name}_meshes/{name}")

    def _collision(
        self, given: ElementTree.Element, name: str, link: str
    ) -> ElementTree.Element:
        shape = given.find("geometry")[0]
        found = ElementTree.Element("collision", name=name)
        if shape.tag != "mesh":
            found.append(_given_origin(given))
            ElementTree.SubElement(found, "geometry").append(_without_caps(shape))
            return found
        fitted = fit_shape(self._mesh(shape).points)
        if fitted.more_volume > _LARGE or fitted.overreach_m > _FAR_M:
            self.guesses.append(
                Guess(link, f"a {fitted.tag} of {fitted.more_volume:.1f} times its mesh's hull, "
                      f"{1e3 * fitted.overreach_m:.0f} mm beyond it")
            )  # fmt: skip
        origin = _placement(_given_origin(given)) * pin.SE3(fitted.rotation, fitted.centre)
        found.append(_origin(origin))
        ElementTree.SubElement(
            ElementTree.SubElement(found, "geometry"), fitted.tag, fitted.sizes
        )
        return found

    def _joint(
        self, given: ElementTree.Element, renamed: dict[str, str]
    ) -> ElementTree.Element:
        name, kind = given.get("name"), given.get("type")
        joint = ElementTree.Element("joint", name=name, type=kind)
        joint.append(_given_origin(given))
        for tag in ("parent", "child"):
            link = given.find(tag).get("link")
            ElementTree.SubElement(joint, tag, link=renamed.get(link, link))
        if kind in ("floating", "planar"):
            joint.set("type", "fixed")
            self.guesses.append(Guess(name, f"is {kind}; the base stands still here"))
        if kind not in ("revolute", "continuous", "prismatic"):
            return joint
        if kind == "continuous":
            joint.set("type", kind := "revolute")
            self.guesses.append(Guess(name, "turns for ever; here from -pi to pi"))
        if (axis := given.find("axis")) is not None:
            joint.append(axis)
        joint.append(self._limit(name, kind, given.find("limit"), given.get("type")))
        if (mimic := given.find("mimic")) is not None:
            self.mimics[name] = mimic.get("joint")
        return joint

    def _limit(
        self, name: str, kind: str, given: ElementTree.Element | None, was: str
    ) -> ElementTree.Element:
        found = {} if given is None else {key: float(value) for key, value in given.items()}
        if was == "continuous" or found.get("lower", 0.0) >= found.get("upper", 0.0):
            end = _TURNS if kind == "revolute" else 0.1
            if was != "continuous":
                self.guesses.append(Guess(name, f"has no limits; {-end:g} to {end:g} are taken"))
            found |= {"lower": -end, "upper": end}
        if not found.get("velocity", 0.0) > 0:
            found["velocity"] = _SLOW[kind]
            self.guesses.append(Guess(name, f"has no velocity; {_SLOW[kind]:g} a second is taken"))
        found.setdefault("effort", 0.0)
        keys = ("lower", "upper", "velocity", "effort")
        return ElementTree.Element("limit", {key: f"{found[key]:.6g}" for key in keys})


def _light() -> ElementTree.Element:
    inertial = ElementTree.Element("inertial")
    ElementTree.SubElement(inertial, "mass", value=f"{_MASS:g}")
    tensor = {key: "0" for key in ("ixy", "ixz", "iyz")}
    tensor |= {key: f"{_INERTIA:g}" for key in ("ixx", "iyy", "izz")}
    ElementTree.SubElement(inertial, "inertia", tensor)
    return inertial


def _without_caps(shape: ElementTree.Element) -> ElementTree.Element:
    """A capsule is a cylinder here: distances are taken with a cap on each end."""
    return ElementTree.Element("cylinder" if shape.tag == "capsule" else shape.tag, shape.attrib)


def _given_origin(element: ElementTree.Element) -> ElementTree.Element:
    found = element.find("origin")
    return ElementTree.Element("origin", {"xyz": "0 0 0"}) if found is None else found


def _placement(origin: ElementTree.Element) -> pin.SE3:
    xyz, rpy = (np.array(origin.get(k, "0 0 0").split(), dtype=float) for k in ("xyz", "rpy"))
    return pin.SE3(pin.rpy.rpyToMatrix(rpy), xyz)


def _origin(placement: pin.SE3) -> ElementTree.Element:
    texts = (
        " ".join(f"{value:.6f}" for value in values)
        for values in (placement.translation, pin.rpy.matrixToRpy(placement.rotation))
    )
    return ElementTree.Element("origin", dict(zip(("xyz", "rpy"), texts, strict=True)))
