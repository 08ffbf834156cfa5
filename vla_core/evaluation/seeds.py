"""Which scenes are shown, which evaluated, and on which ones corrections are collected."""

from __future__ import annotations

from vla_core.errors import ConfigError

_EVALUATED, _CORRECTED = 1_000_000_000, 2_000_000_000
_EACH = 100_000
#: From the next one on, scenes that are evaluated would be those that corrections are made on.
HIGHEST_SEED = (_CORRECTED - _EVALUATED) // _EACH - 1
#: From the next one on, scenes that are shown would be those that are evaluated.
HIGHEST_SHOWN = _EVALUATED - 1


def shown_seeds(first: int, scenes: int) -> range:
    """Seeds of scenes for an expert to show, one after the other: never one that is evaluated."""
    if not 1 <= scenes <= HIGHEST_SHOWN + 1 - first:
        raise ConfigError("scenes", f"got {scenes}, expected 1 to {HIGHEST_SHOWN + 1 - first}")
    return range(first, first + scenes)


def episode_seeds(seed: int, episodes: int) -> list[int]:
    """Seeds of the scenes: never those of another `seed`, nor those that training draws."""
    return _numbered(_EVALUATED, seed, episodes)


def correction_seeds(seed: int, tables: int) -> list[int]:
    """Seeds of tables on which an operator corrects a policy: never one that is evaluated."""
    return _numbered(_CORRECTED, seed, tables)


def _numbered(begin: int, seed: int, count: int) -> list[int]:
    for what, got, highest in (("seed", seed, HIGHEST_SEED), ("scenes", count, _EACH)):
        if not 0 <= got <= highest:
            raise ConfigError(what, f"got {got}, expected 0 to {highest}")
    return [begin + _EACH * seed + number for number in range(count)]
