"""How a program of ours is asked to end: Ctrl-C and SIGTERM alike, however it was started."""

from __future__ import annotations

import signal

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


def catch_signals() -> None:
    """Make SIGINT and SIGTERM raise KeyboardInterrupt in the main thread.

    Python leaves SIGINT ignored where it was inherited so, as by what a script starts with `&`.
    """
    for number in _NUMBERS:
        signal.signal(number, signal.default_int_handler)


def ignore_signals() -> None:
    """Let no second Ctrl-C break into an end that has begun; SIGKILL still does."""
    for number in _NUMBERS:
        signal.signal(number, signal.SIG_IGN)
