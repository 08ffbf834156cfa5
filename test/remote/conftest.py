"""One of our policies, served on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from wired import WAIT_S

from vla_core.policies.registry import load_policy
from vla_core.serving.served_policy import ServedPolicy
from vla_core.serving.servers import open_server


@pytest.fixture
def serving() -> Iterator[Callable[..., str]]:
    """Serves `hold_panda`, by wire and token; gives the address. Ended with the test."""
    begun = []

    def begin(wire: str = "openpi", token: str = "", port: int = 0) -> str:
        served = ServedPolicy(load_policy("hold_panda"))
        server = open_server(wire, served, "127.0.0.1", port, token)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        begun.append((server, thread))
        return server.address

    yield begin
    for server, thread in begun:
        server.close()
        thread.join(WAIT_S)
        assert not thread.is_alive()
