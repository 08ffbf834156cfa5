"""Two offline replays side by side: another policy, another strategy, another limit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from vla_core.errors import ConfigError
from vla_core.result_table import number_text, ratio_text, result_table

#: What is told of both: where it lies in the result.
_COMPARED: dict[str, tuple[str, ...]] = {
    **{
        f"error of {group}, {lookahead} s ahead": ("action_mae", group, lookahead, "policy")
        for group in ("arms", "hands")
        for lookahead in ("0.1", "0.25", "0.5", "1.0")
    },
    "targets within 0.05": ("action_accuracy", "0.05", "policy"),
    "foresight error": ("foresight_error",),
    "gap where chunks join, p50": ("discontinuity", "gap", "p50"),
    "gap where chunks join, p99": ("discontinuity", "gap", "p99"),
    "velocity step where chunks join, p99": ("discontinuity", "velocity_step_per_s", "p99"),
    "intent age at the command, p50, ms": ("intent_age_ms", "p50"),
    "command minus request, arms": ("safety", "commanded_minus_requested", "arms"),
    "command minus recording, arms": ("safety", "commanded_minus_recorded", "arms"),
    "command ticks": ("safety", "ticks"),
    "of them with a constraint": ("safety", "ticks_with_a_constraint"),
    "frames a second": ("frames_per_s",),
}


def print_comparison(
    result: Mapping[str, Any], other: Mapping[str, Any], console: Console | None = None
) -> None:
    """Two replays side by side, what they were run with first."""
    table = result_table(
        "", ">this", ">other", ">this / other", title="This replay and the other"
    )
    for key, values in _differences(result, other):
        table.add_row(key, *values, "")
    table.add_section()
    for name, path in _COMPARED.items():
        mine, theirs = _at(result, path), _at(other, path)
        table.add_row(name, number_text(mine), number_text(theirs), ratio_text(mine, theirs))
    table.add_section()
    constraints = [r["safety"]["constraints"] for r in (result, other)]
    for name in sorted({*constraints[0], *constraints[1]}):
        counts = [c.get(name, {}).get("count", 0) for c in constraints]
        table.add_row(f"limited by {name}", *map(str, counts), ratio_text(*counts))
    for kind in ("chunks", "commands"):
        same = result["digest"][kind] == other["digest"][kind]
        table.add_row(f"{kind}, bit for bit", "", "", "the same" if same else "others")
    (console or Console()).print(table)


def read_result(path: Path) -> dict[str, Any]:
    """What `--json` wrote.

    Raises:
        ConfigError: not there, not JSON, or the result of something else.
    """
    try:
        result = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(str(path), f"cannot be read: {error}") from error
    needed = ("action_mae", "safety", "digest", "settings")
    if not isinstance(result, dict) or (missing := [key for key in needed if key not in result]):
        got = f"without {', '.join(missing)}" if isinstance(result, dict) else "no mapping"
        raise ConfigError(
            str(path), f"is {got}, expected what `vla replay --offline --json` writes"
        )
    return result


def _at(result: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    for key in path:
        result = result.get(key) if isinstance(result, Mapping) else None
    return result


def _differences(
    result: Mapping[str, Any], other: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[str, str]]]:
    """What the two were run with, where it differs."""
    flat = [
        {key: r.get(key) for key in ("recording", "robot", "policy", "limits", "frames")}
        | dict(r["settings"])
        for r in (result, other)
    ]
    for key in sorted({*flat[0], *flat[1]}):
        values = tuple(str(f.get(key)) for f in flat)
        if values[0] != values[1]:
            yield key, values
