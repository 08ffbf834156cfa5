"""The package descriptions name what is imported and what messages are made of: rosdep reads them."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from catkin_pkg.package import parse_package

ROOT = Path(__file__).resolve().parents[2]
OURS = {"vla_core", "vla_nodes"}
#: Python module -> package, where they are not of one name.
PACKAGES = {"moveit": "moveit_py"}
PLAIN_TYPES = {"bool", "byte", "char", "string", "wstring", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def imported(folder: Path) -> set[str]:
    """Top-level modules that are imported anywhere below, inside functions too."""
    names = set()
    for file in folder.rglob("*.py"):
        for part in ast.walk(ast.parse(file.read_text())):
            if isinstance(part, ast.Import):
                names |= {alias.name for alias in part.names}
            elif isinstance(part, ast.ImportFrom) and not part.level:
                names.add(part.module)
    return {name.split(".")[0] for name in names}


def from_pypi() -> set[str]:
    """Modules of the libraries that ./vla setup installs whichever ROS is there."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pinned = {line.split("==")[0].strip().lower().replace("_", "-") for line in lines if "==" in line}
    return {
        module
        for module, distributions in packages_distributions().items()
        if {name.lower().replace("_", "-") for name in distributions} & pinned
    }


def ros_packages(*folders: str) -> set[str]:
    found = set().union(*(imported(ROOT / folder) for folder in folders))
    rest = found - sys.stdlib_module_names - OURS - from_pypi()
    return {PACKAGES.get(name, name) for name in rest}


def run_time_depends(folder: Path) -> set[str]:
    return {depend.name for depend in parse_package(str(folder)).exec_depends}


def test_what_the_nodes_import_is_declared_and_nothing_else():
    middleware = yaml.safe_load((ROOT / "config" / "graph.yaml").read_text())["environment"]
    wanted = ros_packages("vla_nodes", "launch") | {middleware["RMW_IMPLEMENTATION"]}
    assert run_time_depends(ROOT) == wanted


def field_packages() -> set[str]:
    """Packages of the types in the fields of our messages, services and actions."""
    files = [f for kind in ("msg", "srv", "action") for f in (ROOT / "vla_msgs" / kind).iterdir()]
    packages = {"action_msgs"} if any(f.suffix == ".action" for f in files) else set()
    own = {f.stem for f in files}
    for file in files:
        for line in file.read_text().splitlines():
            kind = re.match(r"([A-Za-z_][\w/]*)", line)
            if kind is None or kind[1] in PLAIN_TYPES | own:
                continue
            package, separator, _ = kind[1].partition("/")
            assert separator, f"{file.name}: {line}"
            packages.add(package)
    return packages


def test_what_messages_are_made_of_is_declared_and_nothing_else():
    declared = run_time_depends(ROOT / "vla_msgs") - {"rosidl_default_runtime"}
    assert declared == field_packages()
    assert {d.name for d in parse_package(str(ROOT / "vla_msgs")).build_depends} >= declared


def test_cmake_finds_and_uses_the_packages_of_the_fields():
    text = (ROOT / "vla_msgs" / "CMakeLists.txt").read_text()
    used = set(re.search(r"DEPENDENCIES ([\w ]+)\n", text)[1].split())
    assert used == field_packages() - {"action_msgs"}
    assert used <= set(re.findall(r"find_package\((\w+) REQUIRED\)", text))


@pytest.mark.parametrize("folder", [".", "vla_msgs", "tools/tf2_msgs"])
def test_the_maintainer_is_the_project(folder):
    (maintainer,) = parse_package(str(ROOT / folder)).maintainers
    assert maintainer.name == "vla maintainers" and maintainer.email.endswith(".invalid")
