"""How a program of ours is asked to end: Ctrl-C and SIGTERM alike, however it was started.

And how it takes what it started along.
"""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
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


def die_with(parent: int) -> None:
    """In a child, before exec: be killed when the parent dies, even if it died just now.

    The kernel looks at the thread that started the child: start it in one that stays.

    SIGINT ends it, also where the parent ignores it, as one does that a script started with `&`.

    A process group of its own keeps the terminal's Ctrl-C away, which the parent forwards in order;
    the session stays the parent's, and with it the priority that a user gave to the whole.

    Args:
        parent: its process id.
    """
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
