"""Keys come one by one, whole, without Enter; the terminal is as before afterwards."""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Iterator
from io import StringIO

import pytest

from vla_nodes.programs.replay.keys import Keys


@pytest.fixture
def terminal(monkeypatch) -> Iterator[int]:
    """Where a person would type into standard input."""
    person, computer = os.openpty()
    with os.fdopen(computer) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield person
    os.close(person)


def test_every_key_is_told_once_and_an_arrow_is_one(terminal):
    before = termios.tcgetattr(sys.stdin)
    with Keys() as keys:
        assert keys.pressed() == ""
        os.write(terminal, b" \x1b[C.q")
        assert [keys.pressed() for _ in range(5)] == [" ", "\x1b[C", ".", "q", ""]
        assert termios.tcgetattr(sys.stdin) != before
    assert termios.tcgetattr(sys.stdin) == before


def test_where_nobody_can_type_no_key_is_pressed(monkeypatch):
    monkeypatch.setattr(sys, "stdin", StringIO("q"))
    with Keys() as keys:
        assert keys.pressed() == ""
