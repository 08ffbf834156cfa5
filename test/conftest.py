"""What holds for all tests: MuJoCo renders without a screen; tests of live graphs are marked.

`./vla test` runs all others first, on every core, and then live graphs, one after the other.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("MUJOCO_GL", "egl")  # read when MuJoCo is first imported
os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is; there is a process a core


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what has to have the machine for itself."""
    for item in items:
        if _is_live(item.path) and not item.get_closest_marker("shares"):
            item.add_marker(pytest.mark.live)


def _is_live(path: Path) -> bool:
    return path.parent.name == "nodes" or path.name.startswith("test_live_")
