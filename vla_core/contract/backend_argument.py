"""`--backend`, refused where it is parsed: before anything is loaded or started."""

from __future__ import annotations

import argparse

from vla_core.contract.placement import BACKEND_HELP, Placement
from vla_core.errors import ConfigError


def add_backend(parser: argparse._ActionsContainer) -> None:
    """Declare `--backend`."""
    parser.add_argument("--backend", type=_placement, default="onnx", help=BACKEND_HELP)


def _placement(text: str) -> str:
    try:
        Placement.of(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(error.problem) from error
    return text
