"""Environment variables of a process that runs in another environment than this one."""

from __future__ import annotations

import os
import sys

#: Would show it our libraries.
_OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def apart() -> dict[str, str]:
    """Ours without what leads to our libraries."""
    given = {name: value for name, value in os.environ.items() if name not in _OURS}
    for name in ("LD_LIBRARY_PATH", "PATH"):
        folders = given.pop(name, "").split(os.pathsep)
        if kept := [f for f in folders if f and not f.startswith(sys.prefix + os.sep)]:
            given[name] = os.pathsep.join(kept)
    return given


def beside() -> dict[str, str]:
    """Ours, and everything that can be imported here."""
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
    }
