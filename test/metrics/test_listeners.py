"""Several listeners get every event, in their order."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

from vla_core.metrics.listener import Listeners, ReplayListener

EVENTS = [name for name in vars(ReplayListener) if not name.startswith("_")]


def test_each_gets_all_there_is_before_the_next_one():
    heard = []

    def hearing(who: str) -> SimpleNamespace:
        tell = {name: lambda *told, name=name: heard.append((who, name, told)) for name in EVENTS}
        return SimpleNamespace(**tell)

    everybody, expected = Listeners([hearing("first"), hearing("second")]), []
    for name in EVENTS:
        told = tuple(range(len(inspect.signature(getattr(ReplayListener, name)).parameters) - 1))
        getattr(everybody, name)(*told)
        expected += [(who, name, told) for who in ("first", "second")]
    assert heard == expected and len(EVENTS) > 5
