"""Progress and result of an evaluation in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

from vla_core.evaluation.episode import EpisodeResult


@contextmanager
def episode_progress(episodes: int) -> Iterator[Callable[[EpisodeResult], None]]:
    """A bar with the successes so far, elapsed and remaining time; call it for each result."""
    columns = (
        TextColumn("episodes"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[successes]} succeeded"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("episodes", total=episodes, successes=0)
        successes = 0

        def advance(result: EpisodeResult) -> None:
            nonlocal successes
            successes += result.success
            bar.update(task, advance=1, successes=successes)

        yield advance


def print_report(summary: dict[str, Any], console: Console | None = None) -> None:
    """The result by instruction and overall."""
    table = Table(title=f"{summary['policy']}, intent {summary['intent']}, seed {summary['seed']}")
    for heading, justify in (("instruction", "left"), ("episodes", "right"), ("success", "right"),
                             ("95 % interval", "right")):  # fmt: skip
        table.add_column(heading, justify=justify)
    for text, row in summary["per_instruction"].items():
        table.add_row(text, *_cells(row))
    table.add_section()
    table.add_row("all", *_cells(summary), style="bold")
    if instead := summary.get("wrong_instruction_done"):
        table.add_row("did the wrong instruction", "", f"{instead['rate']:.0%}", _span(instead))
    (console or Console()).print(table)


def _cells(row: dict[str, Any]) -> tuple[str, str, str]:
    return str(row["n"]), f"{row['success_rate']:.0%}", _span(row)


def _span(row: dict[str, Any]) -> str:
    lower, upper = row["ci95"]
    return f"{lower:.0%} - {upper:.0%}"
