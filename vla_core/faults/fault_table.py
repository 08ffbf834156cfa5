"""The records of a run as a table: for the terminal, and in Markdown from the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

from vla_core.result_table import page_table

HEADINGS = (
    "fault", "found by", "after", "standstill", "travel", "outside limits", "recovered", "ok",
)  # fmt: skip


def cells(record: Mapping[str, Any]) -> tuple[str, ...]:
    """One record, a text for each of `HEADINGS`."""
    outside = record["outside_limits"]
    recovered = record["recovery"] if record["recovered"] else f"no: {record['recovery']}"
    return (
        record["does"],
        record["found_by"] or "-",
        _time(record["detected_ms"]),
        _time(record["standstill_ms"]),
        "-" if record["travel_rad"] is None else f"{record['travel_rad']:.2f} rad",
        "; ".join(outside) if outside else "nothing",
        f"{recovered} ({_time(record['recovered_ms'])})" if record["recovered"] else recovered,
        "yes" if record["ok"] else "NO",
    )


def fault_table(records: Iterable[Mapping[str, Any]], title: str) -> Table:
    """For the terminal."""
    table = Table(title=title, title_justify="left", show_lines=True)
    for heading in HEADINGS:
        right = heading in ("after", "standstill", "travel")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for record in records:
        table.add_row(*cells(record), style=None if record["ok"] else "bold red")
    return table


def markdown_table(records: Iterable[Mapping[str, Any]]) -> str:
    """For a page: as many lines as records, and two of heading."""
    return page_table([HEADINGS, *(cells(record) for record in records)]) + "\n"


def _time(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "-"
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
