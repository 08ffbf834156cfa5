"""What an experiment with corrections has found, in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from vla_core.result_table import interval_text, number_text, result_table

_CAPTION = (
    "tables; policy as it was, retrained on demonstrations alone, on demonstrations "
    "and corrections; success with its 95 % interval (Wilson); tables gained and lost beside the "
    "policy before, and p of McNemar's exact test; the same beside the control"
)


def print_attempts(found: dict[str, Any], console: Console | None = None) -> None:
    """What was collected, in a few lines."""
    console = console or Console()
    console.print(
        f"{found['tables']} tables, the operator took over on {found['taken_over']}: "
        f"{found['interventions']} interventions, {found['corrected_frames']} of {found['frames']} "
        f"frames; {found['done']} tables were done in the end"
    )
    for cause, count in sorted(found["causes"].items(), key=lambda each: -each[1]):
        console.print(f"{count:4d}  {cause}")


def print_rows(rows: Sequence[dict[str, Any]], console: Console | None = None) -> None:
    """A line a setting and policy."""
    table = result_table(
        "tables", "policy", ">success", ">95 %", ">time", ">beside before", ">beside control",
        caption=_CAPTION,
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row["tables"],
            row["policy"],
            f"{row['success_rate']:.0%}",
            interval_text(row["ci95"]),
            number_text(row["completion_s"], 1),
            _paired(row.get("beside_before")),
            _paired(row.get("beside_demonstrations")),
        )
    (console or Console()).print(table)


def _paired(found: dict[str, Any] | None) -> str:
    return "" if found is None else f"+{found['gained']} -{found['lost']}  p {found['p']:.2g}"
