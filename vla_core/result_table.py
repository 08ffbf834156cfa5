"""Tables of results in the terminal and on a page, and numbers in them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text


def result_table(*headings: str, title: str = "", caption: str = "") -> Table:
    """A table for the terminal.

    Args:
        headings: of the columns; one of numbers begins with `>`, and stands at the right.
    """
    table = Table(
        title=Text(title) if title else None,
        title_justify="left",
        caption=Text(caption) if caption else None,
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for heading in headings:
        of_numbers = heading.startswith(">")
        table.add_column(Text(heading.removeprefix(">")), justify="right" if of_numbers else "left")
    return table


def page_table(rows: Sequence[Sequence[str]]) -> str:
    """The same for a page; the first row holds the headings."""
    lines = ["| " + " | ".join(_plain(cell) for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def number_text(value: float | None, digits: int = 4) -> str:
    """A number for people; a dash where there is none."""
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


def ratio_text(value: float | None, other: float | None) -> str:
    """`value / other`; empty where there is none."""
    return f"{value / other:.2f}" if value is not None and other else ""


def interval_text(interval: tuple[float, float]) -> str:
    """Of a share."""
    low, high = interval
    return f"{low:.0%}-{high:.0%}"


def _plain(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
