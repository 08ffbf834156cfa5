"""What a killed process left in shared memory is freed; what a living one uses is not touched."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from vla_nodes.graph.shared_memory import free_orphans


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("fastdds_0a", "fastdds_0a_el", "fastdds_0b", "fastdds_0b_el"):
        (tmp_path / name).write_bytes(b"segment")
    for name in ("fastdds_port7_el", "sem.other", "fastdds_0c"):
        (tmp_path / name).touch()
    return tmp_path


def test_only_segments_whose_owner_is_gone_are_removed(folder):
    with (folder / "fastdds_0b_el").open("r+b") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        assert free_orphans(folder) == 1
    left = sorted(path.name for path in folder.iterdir())
    assert left == ["fastdds_0b", "fastdds_0b_el", "fastdds_0c", "fastdds_port7_el", "sem.other"]


def test_a_segment_is_orphaned_once_its_owner_ends(folder):
    assert free_orphans(folder) == 2
    assert free_orphans(folder) == 0


def test_a_machine_without_shared_memory_has_none(tmp_path):
    assert free_orphans(tmp_path / "shm") == 0
