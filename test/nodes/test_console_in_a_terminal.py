"""`vla console` as a process: in a terminal, and where there is none."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from live import TIMEOUT_S, environment, free_domain, run_process

CTRL_Q = b"\x11"
CONSOLE = ("-m", "vla_core.cli", "console")


class Terminal:
    """The other end of the terminal that a process has."""

    def __init__(self, columns: int, rows: int) -> None:
        self.person, self.computer = os.openpty()
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.computer, termios.TIOCSWINSZ, size)
        self.shown = b""

    def start(self, domain: int) -> subprocess.Popen[bytes]:
        ends = dict.fromkeys(("stdin", "stdout", "stderr"), self.computer)
        given = environment(domain) | {"TERM": "xterm-256color"}
        return subprocess.Popen([sys.executable, *CONSOLE], env=given, **ends)

    def read_until(self, words: bytes) -> None:
        end_s = time.monotonic() + TIMEOUT_S
        while words not in self.shown:
            assert time.monotonic() < end_s, f"{words!r} is not in {self.shown[-2000:]!r}"
            if select.select([self.person], [], [], 0.1)[0]:
                self.shown += os.read(self.person, 65536)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal(80, 24)
    yield terminal
    os.close(terminal.person)
    os.close(terminal.computer)


@pytest.mark.parametrize("leave", ["key", "SIGTERM"])
def test_in_a_terminal_it_waits_for_a_graph_and_is_left_as_it_was(terminal, leave):
    before = termios.tcgetattr(terminal.computer)
    process = terminal.start(free_domain())
    try:
        terminal.read_until(b"waits for the command node")
        terminal.read_until(b"SPACE: E-STOP")
        assert termios.tcgetattr(terminal.computer) != before
        if leave == "key":
            os.write(terminal.person, CTRL_Q)
        else:
            process.send_signal(signal.SIGTERM)
        terminal.read_until(b"\x1b[?1049l")  # the screen that was there before
        assert process.wait(TIMEOUT_S) == 0
    finally:
        process.kill()
        process.wait()
    assert termios.tcgetattr(terminal.computer) == before


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ((), "standard input and error: are no terminal; over ssh, give it -t"),
        (("--fps", "200"), "--fps: got 200, expected 0.1 to 30 Hz"),
    ],
)
def test_where_there_is_no_terminal_it_says_so(given, problem):
    ended = run_process(free_domain(), *CONSOLE, *given)
    assert ended.returncode == 2
    assert problem in ended.stderr
