"""The executables of the package: `vla_nodes.start:NAME` is the main of
`vla_nodes.nodes.NAME`.

What a node imports takes seconds. A Ctrl-C within them ends it as one that comes later does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

from vla_core.signals import catch_signals

#: A bring-up that was interrupted is not done; a node that was asked to end did as it was asked.
_INTERRUPTED = {"bringup": 130}


def __getattr__(name: str) -> Callable[[], int]:
    """The executable of a name, as setuptools looks it up."""
    if name.startswith("_"):
        raise AttributeError(name)
    return partial(_start, name)


def _start(name: str) -> int:
    catch_signals()
    try:
        return import_module(f"vla_nodes.nodes.{name}").main()
    except KeyboardInterrupt:
        return _INTERRUPTED.get(name, 0)
