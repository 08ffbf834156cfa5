"""Keys pressed in the terminal, one by one, without Enter."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty

from typing_extensions import Self

#: Longest sequence that one key sends.
_LONGEST = 8


class Keys:
    """Use it in `with`; where standard input is no terminal, no key is ever pressed."""

    def __init__(self) -> None:
        self._before: list | None = None

    def __enter__(self) -> Self:
        if sys.stdin.isatty():
            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)
            self._before = None

    def pressed(self) -> str:
        """The key that was pressed, with all that its terminal sends for it; empty: none."""
        if self._before is None or not select.select([sys.stdin], [], [], 0)[0]:
            return ""
        sent = os.read(sys.stdin.fileno(), 1).decode(errors="replace")
        while sent.startswith("\x1b") and len(sent) < _LONGEST:
            if not select.select([sys.stdin], [], [], 0)[0] or sent[-1:].isalpha():
                break
            sent += os.read(sys.stdin.fileno(), 1).decode(errors="replace")
        return sent
