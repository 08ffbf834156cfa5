"""Answer other people's clients with a policy of ours, in their protocol, until Ctrl-C.

Exit code 0: ended by Ctrl-C; 2: refused.
"""

from __future__ import annotations

import argparse
import os

from vla_core.contract.backend_argument import add_backend
from vla_core.evaluation.seed_argument import HIGHEST_NOISE_SEED, add_seed

HELP = "a policy of ours for others' clients: openpi"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla serve`."""
    parser.add_argument("policy", help="name under config/policies, or folder")
    parser.add_argument("--wire", default="openpi", help="whose protocol")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, help="the wire's own where not given")
    parser.add_argument(
        "--token-variable", default="", metavar="NAME",
        help="environment variable with the token that clients show; needed beyond this machine",
    )  # fmt: skip
    add_seed(parser, "of the sampler's noise", HIGHEST_NOISE_SEED)
    add_backend(parser)


def run(args: argparse.Namespace) -> int:
    """Load, listen, answer."""
    from vla_core.errors import ConfigError
    from vla_core.policies.registry import load_policy
    from vla_core.serving.served_policy import ServedPolicy
    from vla_core.serving.servers import open_server

    token = os.environ.get(args.token_variable, "") if args.token_variable else ""
    if args.token_variable and not token:
        raise ConfigError("--token-variable", f"${args.token_variable} is not set")
    served = ServedPolicy(load_policy(args.policy, args.backend), args.seed)
    server = open_server(args.wire, served, args.host, args.port, token)
    print(f"{served.manifest.name} at {server.address} ({args.wire})", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.close()
    return 0
