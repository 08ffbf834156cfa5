"""A stranger's robot: two arms on a post, meshes, a finger that follows another, a wheel."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("MUJOCO_GL", "egl")  # read when MuJoCo is first imported

from vla_core.robot_import.importing import Imported, import_robot  # noqa: E402
from vla_core.robot_import.mesh import Mesh, write_stl  # noqa: E402

CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
SIDES = np.array([(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7),
                  (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)])  # fmt: skip
INERTIAL = """<inertial><mass value="1"/>
  <inertia ixx="0.01" iyy="0.01" izz="0.01" ixy="0" ixz="0" iyz="0"/></inertial>"""


def link(name: str, mesh: str) -> str:
    shape = f'<geometry><mesh filename="{mesh}" scale="0.2 0.05 0.05"/></geometry>'
    return f'<link name="{name}">{INERTIAL}<visual>{shape}</visual><collision>{shape}</collision></link>'


def joint(name: str, kind: str, parent: str, child: str, xyz: str, axis: str, more: str) -> str:
    return f"""<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>
      <origin xyz="{xyz}"/><axis xyz="{axis}"/>{more}</joint>"""


def arm(side: str, y: float, velocity: float) -> str:
    limit = f'<limit lower="-2" upper="2" effort="9" velocity="{velocity}"/>'
    slide = '<limit lower="0" upper="0.04" effort="9" velocity="0.1"/>'
    mesh, found, below = "package://vendor/meshes/brick.stl", "", "post"
    for place, axis in enumerate(("0 0 1", "0 1 0", "0 1 0", "1 0 0", "0 1 0")):
        name, at = f"{side}_{place}", f"0 {y} 0.5" if place == 0 else "0.22 0 0"
        found += link(f"{name}_link", mesh) + joint(
            name, "revolute", below, f"{name}_link", at, axis, limit
        )
        below = f"{name}_link"
    for name, way, more in (
        ("finger", 1, ""), ("other", -1, f'<mimic joint="{side}_finger" multiplier="1"/>'),
    ):  # fmt: skip
        child = f"{side}_{name}_link"
        found += link(child, "file://BRICK") + joint(
            f"{side}_{name}", "prismatic", below, child, f"0.25 {0.06 * way} 0", f"0 {way} 0",
            slide + more,
        )  # fmt: skip
    return found


def write_vendor(folder: Path) -> Path:
    """The URDF in a package as vendors lay them out."""
    folder = folder / "vendor"
    (folder / "meshes").mkdir(parents=True)
    (folder / "urdf").mkdir()
    write_stl(Mesh(CORNERS, SIDES), folder / "meshes" / "brick.stl")
    text = '<robot name="vendor"><link name="post"><visual><geometry><mesh '
    text += 'filename="../meshes/brick.stl" scale="0.1 0.1 0.1"/></geometry></visual></link>'
    text += arm("left", 0.3, 2.0) + arm("right", -0.3, 0.0)
    text += link("wheel", "../meshes/brick.stl")
    text += joint("wheel", "continuous", "post", "wheel", "0 0 -0.8", "0 1 0", "") + "</robot>"
    file = folder / "urdf" / "vendor.urdf"
    file.write_text(text.replace("BRICK", str(folder / "meshes" / "brick.stl")))
    return file


@pytest.fixture
def vendor(tmp_path: Path) -> Path:
    """The URDF's path."""
    return write_vendor(tmp_path)


@pytest.fixture(scope="session")
def imported(tmp_path_factory) -> Imported:
    """The same as a robot of the suite."""
    folder = tmp_path_factory.mktemp("imported")
    vendor = write_vendor(folder)
    return import_robot(vendor, "two_arms", folder / "out", folder / "urdf", samples=60)
