"""Progress and result of an evaluation in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from vla_core.evaluation.episode import EpisodeResult
from vla_core.progress import bar
from vla_core.result_table import result_table


@contextmanager
def episode_progress(episodes: int) -> Iterator[Callable[[EpisodeResult], None]]:
    """A bar with the successes so far, elapsed and remaining time; call it for each result."""
    with bar("episodes", episodes) as shown:
        successes = 0

        def advance(result: EpisodeResult) -> None:
            nonlocal successes
            successes += result.success
            shown.advance(text=f"{successes} succeeded")

        yield advance


def print_report(summary: dict[str, Any], console: Console | None = None) -> None:
    """The result by instruction and overall."""
    table = result_table(
        "instruction", ">episodes", ">success", ">95 % interval",
        title=f"{summary['policy']}, intent {summary['intent']}, seed {summary['seed']}",
    )  # fmt: skip
    for text, row in summary["per_instruction"].items():
        table.add_row(text, *_cells(row))
    table.add_section()
    table.add_row("all", *_cells(summary), style="bold")
    for key, words in (
        ("published_success", "all, as the benchmark counts it"),
        ("wrong_instruction_done", "did the wrong instruction"),
    ):
        if row := summary.get(key):
            table.add_row(words, "", f"{row['rate']:.0%}", _span(row))
    if refused := summary.get("refused"):
        table.caption = f"{refused['n']} instructions refused, the first: {refused['first']}"
    if summary.get("papers"):
        table.add_section()
    for row in summary.get("papers", ()):
        table.add_row(f"{row['policy']}: {row['source']}", "", f"{row['success_rate']:.1%}", "")
    (console or Console()).print(table)


def _cells(row: dict[str, Any]) -> tuple[str, str, str]:
    return str(row["n"]), f"{row['success_rate']:.0%}", _span(row)


def _span(row: dict[str, Any]) -> str:
    lower, upper = row["ci95"]
    return f"{lower:.0%} - {upper:.0%}"
