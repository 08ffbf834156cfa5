"""openpi's server: a WebSocket that speaks first, for clients of others as they are."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from vla_core.errors import VlaError
from vla_core.policies.remote.arrays import packed, unpacked
from vla_core.policies.remote.openpi import MAX_BYTES
from vla_core.serving.served_policy import ServedPolicy

_CLOSE_S = 1.0


class OpenPiServer:
    """Listens once it is made; `serve_forever` answers.

    Args:
        served: what answers.
        host, port: where; port 0: any that is free.
        token: asked for as `Authorization: Api-Key …`; empty: not.

    Attributes:
        address: `host:port`.
    """

    def __init__(self, served: ServedPolicy, host: str, port: int, token: str = "") -> None:
        self._served, self._token = served, token
        self._server = serve(
            self._session, host, port, compression=None, max_size=MAX_BYTES,
            close_timeout=_CLOSE_S, process_request=self._admit,
        )  # fmt: skip
        self.address = f"{host}:{self._server.socket.getsockname()[1]}"

    def serve_forever(self) -> None:
        """Answer until `close`."""
        self._server.serve_forever()

    def close(self) -> None:
        """End; from any thread."""
        self._server.shutdown()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Health for anyone, the rest for who shows the token."""
        if request.path == "/healthz":
            return connection.respond(HTTPStatus.OK, "OK\n")
        shown = request.headers.get("Authorization", "")
        if self._token and not hmac.compare_digest(
            shown.encode(), f"Api-Key {self._token}".encode()
        ):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "a token is asked for\n")
        return None

    def _session(self, connection: ServerConnection) -> None:
        try:
            connection.send(packed(self._served.metadata))
            for data in connection:
                connection.send(packed(self._reply(connection, data)))
        except ConnectionClosed:
            pass
        except (VlaError, ValueError) as error:  # the client's fault, told as openpi's server does
            connection.send(f"{type(error).__name__}: {error}")
            connection.close(1011, "refused")
        finally:
            self._served.reset(connection)

    def _reply(self, connection: ServerConnection, data: str | bytes) -> dict[str, Any]:
        started_s = time.perf_counter()
        request = unpacked(data) if isinstance(data, bytes) else None
        if not isinstance(request, Mapping):
            raise ValueError("got no msgpack map, expected an observation")  # noqa: TRY004
        flat = flattened(request)
        actions = self._served.answer(connection, flat).astype(np.float32)
        spent = {"infer_ms": 1000.0 * (time.perf_counter() - started_s)}
        return {
            "actions": actions, "state": flat["state"], "policy_timing": spent,
            "server_timing": spent,
        }  # fmt: skip


def flattened(request: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Maps in maps as one, keys with a dot between."""
    flat: dict[str, Any] = {}
    for key, value in request.items():
        name = f"{before}{key}"
        flat |= flattened(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat
