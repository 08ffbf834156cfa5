"""The protocols that we speak, by name."""

from __future__ import annotations

import os

from vla_core.errors import PolicyError
from vla_core.plugins import Registry
from vla_core.policies.remote.contract import RemoteContract
from vla_core.policies.remote.wire import Wire

#: Classes that fulfil `Wire`, made of an address and a token.
WIRES = Registry(
    "wire", "vla.wires", {"openpi": "vla_core.policies.remote.openpi:OpenPiWire"}
)


def wire_of(contract: RemoteContract, source: str) -> Wire:
    """The client that a contract asks for, not connected yet.

    Raises:
        ConfigError: there is no such wire, or no token where one is asked for.
    """
    variable = contract.token_variable
    token = os.environ.get(variable, "") if variable else ""
    if variable and not token:
        raise PolicyError(f"{source}: model.token_variable", f"${variable} is not set")
    return WIRES.load(contract.wire, f"{source}: model.wire")(contract.server, token)
