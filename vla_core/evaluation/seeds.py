"""Which scenes are evaluated."""

from __future__ import annotations


def episode_seeds(seed: int, episodes: int) -> list[int]:
    """Seeds of the scenes: never those of another `seed`, nor those that training draws."""
    return [1_000_000_000 + 100_000 * seed + k for k in range(episodes)]
