"""`--seed`, refused where it is parsed: before anything is loaded or started."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from vla_core.evaluation.seeds import HIGHEST_SEED

#: What a parameter of a node can hold.
HIGHEST_NOISE_SEED = 2**63 - 1


def add_seed(parser: argparse._ActionsContainer, what: str, highest: int = HIGHEST_SEED) -> None:
    """Declare `--seed`, 0 by default.

    Args:
        what: help, such as "chooses the scenes".
        highest: largest value that is taken.
    """
    parser.add_argument("--seed", type=_up_to(highest), default=0, help=f"{what}; 0 to {highest}")


def _up_to(highest: int) -> Callable[[str], int]:
    def seed(text: str) -> int:
        value = int(text)
        if not 0 <= value <= highest:
            raise argparse.ArgumentTypeError(f"got {value}, expected 0 to {highest}")
        return value

    return seed
