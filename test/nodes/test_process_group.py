"""Processes end together: asked first, then made to; none is left."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from vla_nodes.graph import process_group
from vla_nodes.graph.process_group import Ended, ProcessGroup

SLEEP = "import time; print('ready', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); " + SLEEP
MUTE = "import signal; [signal.signal(s, signal.SIG_IGN) for s in (2, 15)]; " + SLEEP
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).wait()"


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process_group, "GRACE_S", (2.0, 2.0, 2.0))
    with ProcessGroup(tmp_path) as group:
        group.folder = tmp_path
        yield group


def start(group: ProcessGroup, name: str, code: str) -> None:
    group.start(name, [sys.executable, "-c", code], os.environ)
    wait(lambda: "ready" in (group.folder / f"{name}.log").read_text())


def wait(done, timeout_s: float = 20.0):
    end_s = time.monotonic() + timeout_s
    while not (result := done()):
        assert time.monotonic() < end_s
        time.sleep(0.01)
    return result


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_processes_end_when_asked(group):
    start(group, "a", SLEEP)
    start(group, "b", SLEEP)
    pids = [p.pid for p in group._processes.values()]
    group.stop()
    assert not any(map(alive, pids))


def test_processes_end_when_asked_where_their_parent_ignores_it(group):
    """As one does that a script has started with `&`: they would be waited for in vain."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        start(group, "a", SLEEP)
    finally:
        signal.signal(signal.SIGINT, before)
    process = group._processes["a"]
    assert group.stop() == [] and process.returncode == -signal.SIGINT
    assert not alive(process.pid)


@pytest.mark.parametrize("code", [STUBBORN, MUTE])
def test_processes_that_do_not_listen_are_made_to_end(group, code):
    start(group, "deaf", code)
    pid = group._processes["deaf"].pid
    group.stop()
    assert not alive(pid)


def test_children_of_a_process_end_with_it(group):
    start(group, "parent", PARENT)
    pid = group._processes["parent"].pid
    (child,) = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    group.stop()
    wait(lambda: not alive(child))


def test_one_that_ends_is_told_once_and_by_name(group):
    group.start("short", [sys.executable, "-c", "raise SystemExit(3)"], os.environ)
    ended = wait(group.ended)
    assert ended == Ended("short", 3) and str(ended) == "short ended with 3"
    assert group.ended() is None


def test_one_that_was_killed_is_told_by_its_signal(group):
    start(group, "victim", SLEEP)
    os.kill(group._processes["victim"].pid, signal.SIGKILL)
    assert str(wait(group.ended)) == "victim was ended by SIGKILL"
