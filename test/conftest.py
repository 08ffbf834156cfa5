"""What holds for all tests: MuJoCo renders without a screen; tests of whole graphs are marked.

`./vla test` runs all others first, on every core, also those that start a node or two, and then
whole graphs, one after the other.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

#: Policies without weights, installed as a package beside ours.
TOYS = Path(__file__).parent / "toy_policies"
sys.path.insert(0, str(TOYS))
os.environ.setdefault("MUJOCO_GL", "egl")  # read when MuJoCo is first imported
os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is; there is a process a core
settings.register_profile("shared machine", deadline=None)  # other processes take time of it
settings.load_profile("shared machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what has to have the machine for itself: files of whole graphs; others mark themselves."""
    for item in items:
        if item.path.name.startswith("test_live_"):
            item.add_marker(pytest.mark.live)


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder into which the packages under `test/plugins` are installed."""
    from installed_plugins import install

    return install(tmp_path_factory.mktemp("installed"))
