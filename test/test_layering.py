"""Who may import whom: the rooms of the house, from the top down, and no way back up.

Every import counts, also one inside a function or for types alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: Each may import from those after it, and from the files beside the rooms (types, errors, paths).
ROOMS = {
    "vla_core": (
        "cli", "console", "experiments", "report", "replay", "doctor", "metrics", "foresight",
        "faults", "evaluation", "suites", "serving", "policies", "training", "demonstrations",
        "inference", "planning", "command", "handover", "chunks", "recordings", "observation",
        "contract", "robot_import", "safety", "robot", "statistics",
    ),
    "vla_nodes": ("programs", "observe", "nodes", "graph", "base", "wire"),
}  # fmt: skip
#: The library runs on laptops without ROS, too.
ROS = ("rclpy", "launch", "launch_ros", "ament_index_python", "cv_bridge", "tf2_ros", "vla_nodes")


def imported(source: str) -> Iterator[str]:
    """Dotted names that a file imports, each as far as it is written."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(file: Path, root: Path) -> str:
    name = ".".join(file.relative_to(root).with_suffix("").parts)
    return name.removesuffix(".__init__")


def imports(root: Path = ROOT) -> dict[str, set[str]]:
    """Module -> modules of ours that it imports."""
    files = {name_of(f, root): f for package in ROOMS for f in (root / package).rglob("*.py")}
    found = {}
    for module, file in files.items():
        found[module] = set()
        for name in imported(file.read_text()):
            while name and name not in files:
                name = name.rpartition(".")[0]
            if name and name != module:
                found[module].add(name)
    return found


IMPORTS = imports()


def room(module: str) -> str:
    """The room that a module lies in; empty for a file beside the rooms."""
    package, _, rest = module.partition(".")
    first = rest.partition(".")[0]
    return first if (ROOT / package / first).is_dir() else ""


def climbs(found: dict[str, set[str]]) -> list[str]:
    """Imports from a room above, or from a room at all where none is allowed."""
    wrong = []
    for module, others in found.items():
        package = module.partition(".")[0]
        rooms = ROOMS[package]
        for other in others:
            if other.partition(".")[0] != package or not room(other):
                continue
            inside = room(module) == room(other)
            if not inside and (
                not room(module) or rooms.index(room(module)) > rooms.index(room(other))
            ):
                wrong.append(f"{module} imports {other}")
    return wrong


def folder(module: str) -> str:
    """The package that a module lies in, or is."""
    is_folder = (ROOT / module.replace(".", "/")).is_dir()
    return module if is_folder else module.rpartition(".")[0]


def between_folders(found: dict[str, set[str]]) -> dict[str, set[str]]:
    """Folder -> other folders that its files import from, at any depth."""
    result: dict[str, set[str]] = {}
    for module, others in found.items():
        here = folder(module)
        result.setdefault(here, set()).update(
            folder(other) for other in others if room(other) and folder(other) != here
        )
    return result


def ros_packages(names: Iterator[str]) -> set[str]:
    packages = {name.partition(".")[0] for name in names}
    return {name for name in packages if name in ROS or name.endswith(("_msgs", "_interfaces"))}


@pytest.mark.parametrize("package", ROOMS)
def test_the_rooms_are_these(package):
    folders = {f.parent.name for f in (ROOT / package).glob("*/__init__.py")}
    assert folders == set(ROOMS[package])


def test_contributors_are_told_the_same_order():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert all(" · ".join(rooms) in text for rooms in ROOMS.values())


def test_no_import_climbs():
    assert not climbs(IMPORTS)


def test_no_cycle_of_files():
    tuple(TopologicalSorter(IMPORTS).static_order())  # raises CycleError, which names it


def test_no_cycle_of_folders():
    tuple(TopologicalSorter(between_folders(IMPORTS)).static_order())


def test_the_library_imports_nothing_of_ros():
    found = {
        name: wrong
        for file in sorted((ROOT / "vla_core").rglob("*.py"))
        for name in [name_of(file, ROOT)]
        if (wrong := ros_packages(imported(file.read_text())))
    }
    assert not found


def test_a_climb_is_seen_also_inside_a_function(tmp_path):
    for package in ROOMS:
        (tmp_path / package).mkdir()
    (tmp_path / "vla_core/robot").mkdir()
    (tmp_path / "vla_core/cli").mkdir()
    (tmp_path / "vla_core/cli/main.py").write_text("")
    low = tmp_path / "vla_core/robot/model.py"
    low.write_text("def f():\n    from vla_core.cli.main import main\n")
    assert climbs(imports(tmp_path)) == ["vla_core.robot.model imports vla_core.cli.main"]
    assert ros_packages(imported("def f():\n    import rclpy.node\n    import numpy")) == {"rclpy"}
    assert ros_packages(imported("from sensor_msgs.msg import Image")) == {"sensor_msgs"}
