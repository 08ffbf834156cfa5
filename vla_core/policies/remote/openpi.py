"""openpi's wire: a WebSocket, msgpack with arrays; the server speaks first.

Metadata, then for each observation one reply or, before it closes, a text with a traceback. Read
from openpi@15a9616, `serving/websocket_policy_server.py`.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException
from websockets.sync.client import ClientConnection, connect

from vla_core.policies.remote.arrays import packed, unpacked
from vla_core.policies.remote.wire import ServerError, WireError

#: Largest message that is taken [bytes].
MAX_BYTES = 64 * 1024 * 1024
#: How long a hung server may hold up a request that is being sent, and the end of a connection [s].
_SEND_S, _CLOSE_S = 1.0, 0.2


class OpenPiWire:
    """A client of an openpi server.

    Args:
        address: `host:port`, or a `ws://` or `wss://` URL.
        token: shown as `Authorization: Api-Key …`; empty: none.
    """

    def __init__(self, address: str, token: str = "") -> None:
        self._url = address if "://" in address else f"ws://{address}"
        self._headers = {"Authorization": f"Api-Key {token}"} if token else None
        self._socket: ClientConnection | None = None
        self._open = ExitStack()

    def open(self, timeout_s: float) -> Mapping[str, Any]:
        """As `Wire.open`; the metadata."""
        self.close()
        try:
            connection = connect(
                self._url, compression=None, max_size=MAX_BYTES, open_timeout=timeout_s,
                close_timeout=_CLOSE_S, additional_headers=self._headers, proxy=None,
            )  # fmt: skip
            self._socket = self._open.enter_context(connection)
            limit = struct.pack("ll", int(_SEND_S), int(_SEND_S % 1 * 1e6))
            self._socket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            told = self._received(timeout_s)
        except (OSError, TimeoutError, InvalidURI, InvalidHandshake) as error:
            self.close()
            raise WireError(f"openpi server {self._url}: {error or 'no answer in time'}") from error
        except (WireError, ServerError) as error:
            self.close()
            raise WireError(str(error)) from error
        return told

    def send(self, request: Mapping[str, Any]) -> None:
        """As `Wire.send`; a dot in a key leads into a map."""
        try:
            self._connected.send(packed(_nested(request)))
        except (OSError, WebSocketException) as error:
            raise WireError(f"openpi server {self._url}: {error}") from error

    def receive(self, timeout_s: float) -> Mapping[str, np.ndarray]:
        """As `Wire.receive`."""
        reply = self._received(timeout_s)
        return {key: value for key, value in reply.items() if isinstance(value, np.ndarray)}

    def reset(self) -> None:
        """The wire has no word for it; the instruction comes with every request."""

    def close(self) -> None:
        """As `Wire.close`."""
        self._open.close()
        self._socket = None

    @property
    def _connected(self) -> ClientConnection:
        if self._socket is None:
            raise WireError(f"openpi server {self._url}: not connected")
        return self._socket

    def _received(self, timeout_s: float) -> Mapping[str, Any]:
        try:
            data = self._connected.recv(timeout=timeout_s)
        except TimeoutError:
            raise
        except (OSError, WebSocketException) as error:
            raise WireError(f"openpi server {self._url}: {error}") from error
        if isinstance(data, str):
            raise ServerError(f"openpi server {self._url}: {data.strip().splitlines()[-1:]}")
        try:
            said = unpacked(data)
        except ValueError as error:
            raise WireError(f"openpi server {self._url}: {error}") from error
        said = {"": said} if isinstance(said, np.ndarray) else said
        if not isinstance(said, Mapping):
            raise WireError(f"openpi server {self._url}: got {type(said).__name__}, expected a map")
        return said


def _nested(request: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in request.items():
        *folders, last = key.split(".")
        place = nested
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = value
    return nested
