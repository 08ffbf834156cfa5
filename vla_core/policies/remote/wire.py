"""What a client needs of another project's protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from vla_core.errors import VlaError


class WireError(VlaError):
    """The connection is gone, or what came over it is not of this protocol."""


class ServerError(VlaError):
    """The server says that it could not answer."""


class Wire(Protocol):
    """One connection; whatever it waits for has a limit. Used by one thread."""

    def open(self, timeout_s: float) -> Mapping[str, Any]:
        """Connect, anew if need be; what the server says of itself.

        Raises:
            WireError: nobody answers in time, or somebody else does.
        """

    def send(self, request: Mapping[str, Any]) -> None:
        """Ask for actions; the request's keys are those of the contract.

        Raises:
            WireError: the connection is gone.
        """

    def receive(self, timeout_s: float) -> Mapping[str, np.ndarray]:
        """The reply to what was sent; the arrays in it by key, `""` for a reply that is one.

        Raises:
            TimeoutError: none yet; it may be asked for again.
            ServerError: it is an error.
            WireError: the connection is gone, or it is no reply.
        """

    def reset(self) -> None:
        """Another instruction, or another start: tell the server, where its protocol can."""

    def close(self) -> None:
        """End it; nothing where it has ended."""
