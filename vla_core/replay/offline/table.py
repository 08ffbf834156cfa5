"""The result of an offline replay in the terminal, alone or beside another one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from vla_core.errors import ConfigError

#: Constraints that are shown, most frequent first.
_MOST = 12
_STAGES = {
    "image_decoding": "image decoding",
    "alignment": "check, resize, align",
    "system2": "System 2 (encoder, foresight)",
    "system1": "System 1 (encoder, sampling)",
    "command_tick": "command tick (safety filter)",
}


@contextmanager
def frame_progress(frames: int) -> Iterator[Callable[[], None]]:
    """A bar of frames; call it for each."""
    columns = (
        TextColumn("frames"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("frames", total=frames)
        yield lambda: bar.advance(task)


def print_result(result: Mapping[str, Any], console: Console | None = None) -> None:
    """The scores of one replay."""
    console = console or Console()
    console.print(_error_table(result))
    console.print(_other_table(result))
    console.print(_safety_table(result["safety"]))
    for example in result["refused"]["examples"][:3]:
        console.print(f"not taken: {example}", highlight=False, markup=False)


def _error_table(result: Mapping[str, Any]) -> Table:
    """Errors by group and look-ahead, and how they compare with those of holding."""
    table = Table(title=_title(result), title_justify="left", pad_edge=False)
    table.add_column("mean absolute error (ratio to holding)")
    groups = result["action_mae"]
    for lookahead in next(iter(groups.values())):
        table.add_column(f"{lookahead} s ahead", justify="right")
    for group, rows in groups.items():
        cells = (
            f"{_text(row['policy'])} ({_ratio(row['policy'], row['holding']) or '-'})"
            for row in rows.values()
        )
        table.add_row(group, *cells)
    return table


def _other_table(result: Mapping[str, Any]) -> Table:
    table = Table(pad_edge=False)
    for heading in ("", "policy", "holding, copying", "ratio"):
        table.add_column(heading, justify="right" if heading else "left")
    for tolerance, row in result["action_accuracy"].items():
        cells = (_percent(row["policy"]), _percent(row["holding"]))
        table.add_row(f"targets within {tolerance}", *cells, _ratio(row["policy"], row["holding"]))
    error, copy = result["foresight_error"], result["foresight_error_copy"]
    if error is not None:
        table.add_row("foresight error", _text(error), _text(copy), _ratio(error, copy))
        table.add_row("  of the recording's mean", _text(result["foresight_error_mean"]), "", "")
    table.add_section()
    table.add_row("", "p50", "p99", "")
    gap, age = result["discontinuity"]["gap"], result["intent_age_ms"]
    table.add_row("gap where chunks join", _text(gap["p50"]), _text(gap["p99"]), "")
    table.add_row("intent age at the command, ms", _text(age["p50"], 0), _text(age["p99"], 0), "")
    for stage, name in _STAGES.items():
        times = result["latency_ms"][stage]
        cells = (_text(times["p50"], 1), _text(times["p99"], 1), f"{times['n']} times")
        table.add_row(f"{name}, ms", *cells)
    return table


def print_comparison(
    result: Mapping[str, Any], other: Mapping[str, Any], console: Console | None = None
) -> None:
    """Two replays side by side, what they were run with first."""
    table = Table(title="This replay and the other", title_justify="left", pad_edge=False)
    table.add_column("")
    for heading in ("this", "other", "this / other"):
        table.add_column(heading, justify="right")
    for key, values in _differences(result, other):
        table.add_row(key, *values, "")
    table.add_section()
    for name, path in _COMPARED.items():
        mine, theirs = _at(result, path), _at(other, path)
        table.add_row(name, _text(mine), _text(theirs), _ratio(mine, theirs))
    table.add_section()
    constraints = [r["safety"]["constraints"] for r in (result, other)]
    for name in sorted({*constraints[0], *constraints[1]}):
        counts = [c.get(name, {}).get("count", 0) for c in constraints]
        table.add_row(f"limited by {name}", *map(str, counts), _ratio(*counts))
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
    "intent age at the command, p50 [ms]": ("intent_age_ms", "p50"),
    "command minus request, arms": ("safety", "commanded_minus_requested", "arms"),
    "command minus recording, arms": ("safety", "commanded_minus_recorded", "arms"),
    "command ticks": ("safety", "ticks"),
    "of them with a constraint": ("safety", "ticks_with_a_constraint"),
    "frames a second": ("frames_per_s",),
}


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


def _safety_table(safety: Mapping[str, Any]) -> Table:
    table = Table(
        title=f"What the safety filter would have done, in {safety['ticks']} ticks",
        title_justify="left",
        pad_edge=False,
    )
    for heading, justify in (("constraint", "left"), ("count", "right"), ("largest", "right"),
                             ("where most", "left")):  # fmt: skip
        table.add_column(heading, justify=justify)
    for name, row in list(safety["constraints"].items())[:_MOST]:
        most = ", ".join(f"{s} {n}" for s, n in list(row["subjects"].items())[:3])
        table.add_row(name, str(row["count"]), _text(row["largest"]), most)
    for mode, count in safety["stops"].items():
        table.add_row(f"entered {mode}", str(count), "", "")
    return table


def _title(result: Mapping[str, Any]) -> str:
    return (
        f"{Path(result['recording']).name}: {result['policy']} on {result['robot']}, "
        f"{result['episodes']} episodes, {result['frames']} frames at "
        f"{result['frames_per_s']:.0f} a second ({result['times_real_time']:.1f} times real time), "
        f"{result['memory_mb']:.0f} MB"
    )


def _text(value: float | None, digits: int = 4) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _ratio(value: float | None, other: float | None) -> str:
    return f"{value / other:.2f}" if value is not None and other else ""
