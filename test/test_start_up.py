"""A process imports at its start what it runs with, and no more: a graph is eight of them.

Numba and the inverse kinematics take a second of a processor each time, PyTorch more. What only
some policies or operators need is imported once it is known that they do, before anything moves.
"""

from __future__ import annotations

import ast
from functools import cache

import pytest
from test_layering import ROOT, imported

#: Libraries that take a tenth of a second or more.
SLOW = {"matplotlib", "mujoco", "numba", "ompl", "onnxruntime", "pink", "pyarrow", "scipy", "torch"}
NEEDED = {
    "vla_nodes.nodes.action_node": {"numba"},
    "vla_nodes.nodes.bag_player_node": set(),
    "vla_nodes.nodes.bringup": set(),
    "vla_nodes.nodes.camera_node": set(),
    "vla_nodes.nodes.command_node": {"numba"},
    "vla_nodes.nodes.fault_injector_node": set(),
    "vla_nodes.nodes.intent_node": set(),
    "vla_nodes.nodes.policy_node": {"numba"},
    "vla_nodes.nodes.recorder_node": set(),
    "vla_nodes.nodes.sim_robot_node": set(),
    "vla_nodes.nodes.state_publisher_node": set(),
    "vla_nodes.nodes.teleop_node": set(),
    "vla_nodes.programs.up": set(),
    "vla_core.cli.main": set(),
    "vla_core.suites.tabletop.suite": {"mujoco"},
}


class AtOnce(ast.NodeTransformer):
    """Leaves out what is imported later, in a function, or for types alone."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        return ast.Pass()

    def visit_If(self, node: ast.If) -> ast.stmt:
        return ast.Pass() if "TYPE_CHECKING" in ast.unparse(node.test) else node


@cache
def imported_at_once(module: str) -> set[str]:
    """Modules of ours and libraries, dotted as far as they are written."""
    place = ROOT / module.replace(".", "/")
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    if not file.is_file():
        return set()
    return set(imported(ast.unparse(AtOnce().visit(ast.parse(file.read_text())))))


def reached(module: str) -> set[str]:
    """Modules and libraries that are there once a module has been imported, and their packages."""
    found, left = set(), [module]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += [".".join(name.split(".")[:k]) for k in range(1, name.count(".") + 1)]
            left += imported_at_once(name)
    return found


@pytest.mark.parametrize("module", NEEDED)
def test_a_process_imports_no_slow_library_but_those_that_it_needs(module):
    assert reached(module) & SLOW == NEEDED[module]
