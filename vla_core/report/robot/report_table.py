"""A plain table of a report, without lines."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table


def report_table(title: str, *columns: str) -> Table:
    """A table whose cells wrap and are never cut."""
    table = Table(
        title=f"\n{escape(title)}",
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for column in columns:
        table.add_column(escape(column), overflow="fold")
    return table
