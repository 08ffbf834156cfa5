"""Memory of processes, measured on this one and on children that are made to grow."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vla_core.metrics.process_memory import MemoryWatch, proportional_memory_mb

GROW = "import sys; block = bytearray(50 << 20); print(len(block), flush=True); sys.stdin.read()"


@pytest.fixture
def child():
    """A process that holds 50 MiB."""
    process = subprocess.Popen(
        [sys.executable, "-c", GROW], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    yield process
    process.communicate()


def test_what_a_process_holds_is_seen(child):
    assert 50 < proportional_memory_mb(child.pid) < 100


def test_children_count_with_their_parent(child):
    assert proportional_memory_mb(os.getpid()) > 50 + 10


def test_a_process_that_has_ended_counts_nothing(child):
    watch = MemoryWatch()
    watch.sample({"node": child.pid, "gone": 2**22 + 1}, 0.0)
    assert set(watch.summary()) == {"node", "total"}
    child.communicate()
    watch.sample({"node": child.pid}, 1.0)
    assert watch.summary()["total"] > 50  # the largest stays


def test_growth_is_told_in_megabytes_a_minute():
    watch = MemoryWatch()
    watch._totals = [(float(t), 500.0 + (100.0 if t < 20 else 0.05 * t)) for t in range(140)]
    assert watch.growth() == {"mb_per_minute": pytest.approx(3.0), "minutes": pytest.approx(1.98)}


def test_a_short_run_says_nothing_of_growth():
    watch = MemoryWatch()
    assert watch.growth() is None
    watch._totals = [(float(t), 500.0) for t in range(60)]
    assert watch.growth() is None
