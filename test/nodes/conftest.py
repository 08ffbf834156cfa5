"""Live graphs for the tests of the nodes; every module has its own domain and clean-up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the readable policy, for the robot of the tests."""
    from readable_policy import save

    from vla_core.robot.load import load_robot

    robot = load_robot("g1_inspire")
    return save(tmp_path_factory.mktemp("policy") / "elbow", robot.name, robot.joint_names, "ours")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """A domain of its own, and whatever the module starts on it; all of it ends with the module."""
    pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
    pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")
    from live import Live, free_domain, processes_of

    graph = Live(free_domain(), tmp_path_factory.mktemp("logs"))
    yield graph
    graph.close()
    end_s = time.monotonic() + 10
    while left := processes_of(graph.domain):
        assert time.monotonic() < end_s, f"left behind: {left}"
        time.sleep(0.1)
