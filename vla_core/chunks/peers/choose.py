"""Peers by the names that the comparison gives them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import numpy as np

from vla_core.chunks.inference_schedule import InferenceSchedule
from vla_core.chunks.peers.lerobot_queue import LerobotQueue
from vla_core.chunks.peers.openpi_broker import OpenpiBroker
from vla_core.chunks.peers.stepped_peer import SteppedPeer
from vla_core.contract.protocol import System1
from vla_core.errors import PolicyError

_Make = Callable[[System1, InferenceSchedule, np.random.Generator, float], SteppedPeer]

PEERS: dict[str, _Make] = {"openpi_broker": OpenpiBroker, "lerobot_queue": LerobotQueue}
_MODULES = {
    "openpi_broker": "openpi_client.action_chunk_broker",
    "lerobot_queue": "lerobot.async_inference.robot_client",
}


def require_peer(name: str) -> None:
    """Import a peer's code.

    Raises:
        PolicyError: it is not there; says how it is had.
    """
    try:
        import_module(_MODULES[name])
    except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision of another torch
        raise PolicyError(
            f"peer {name!r}",
            f"{error}; install it with `pip install --no-deps -r benchmarks/requirements-peers.txt`",
        ) from error
