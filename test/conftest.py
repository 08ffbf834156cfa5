"""What holds for all tests: MuJoCo renders without a screen; live graphs have the machine first.

`./vla test` runs two processes: live graphs one after the other in the first, all else beside them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("MUJOCO_GL", "egl")  # read when MuJoCo is first imported
os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is; two processes share the cores

_BESIDE = 10


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of nodes and processes form one group, which one process runs."""
    for item in items:
        if _is_live(item.path):
            item.add_marker(pytest.mark.xdist_group("live"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What runs beside a live graph takes the time that it leaves."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        niceness = 0 if _is_live(item.path) else _BESIDE
        if niceness > os.nice(0) or os.geteuid() == 0:
            os.setpriority(os.PRIO_PROCESS, 0, niceness)


def _is_live(path: Path) -> bool:
    return path.parent.name == "nodes" or path.name.startswith("test_live_")
