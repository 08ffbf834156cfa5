"""What an import decided without being told: for a person to look over."""

from __future__ import annotations

from typing import NamedTuple


class Guess(NamedTuple):
    """One decision.

    Attributes:
        where: joint, link or key.
        what: was decided, and why.
    """

    where: str
    what: str
