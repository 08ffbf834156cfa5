"""The protocols that we serve, by name."""

from __future__ import annotations

import ipaddress
from typing import Protocol

from vla_core.errors import ConfigError
from vla_core.plugins import Registry
from vla_core.serving.served_policy import ServedPolicy

#: Classes that are made of a policy, host, port and token.
SERVERS = Registry(
    "wire", "vla.servers", {"openpi": "vla_core.serving.openpi_server:OpenPiServer"}
)
#: Ports that their clients expect.
PORTS = {"openpi": 8000}


class Server(Protocol):
    """Listens.

    Attributes:
        address: `host:port`.
    """

    address: str

    def serve_forever(self) -> None:
        """Answer until `close`."""

    def close(self) -> None:
        """End; from any thread."""


def open_server(
    wire: str, served: ServedPolicy, host: str, port: int | None, token: str = ""
) -> Server:
    """A server that listens.

    Args:
        port: None: what the wire's clients expect.

    Raises:
        ConfigError: no such wire, an address that others reach without a token, or one that is
            taken.
    """
    if not token and not _is_loopback(host):
        raise ConfigError(
            "--host", f"{host} is reached from elsewhere: give a token (--token-variable NAME)"
        )
    made = SERVERS.load(wire, "--wire")
    try:
        return made(served, host, PORTS.get(wire, 0) if port is None else port, token)
    except OSError as error:
        raise ConfigError("--port", f"{host}:{port}: {error}") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
