"""Which scenes are evaluated, and on which ones corrections are collected."""

from __future__ import annotations

_EVALUATED, _CORRECTED = 1_000_000_000, 2_000_000_000
_EACH = 100_000


def episode_seeds(seed: int, episodes: int) -> list[int]:
    """Seeds of the scenes: never those of another `seed`, nor those that training draws."""
    return [_EVALUATED + _EACH * seed + k for k in range(episodes)]


def correction_seeds(seed: int, tables: int) -> list[int]:
    """Seeds of tables on which an operator corrects a policy: never one that is evaluated."""
    return [_CORRECTED + _EACH * seed + k for k in range(tables)]
