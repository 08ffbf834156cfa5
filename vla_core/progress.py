"""Progress in the terminal: bars on stderr, all alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_Item = TypeVar("_Item")


class Bar:
    """One bar.

    Args:
        progress: that it is drawn by.
        what: is counted.
        total: when it is full.
    """

    def __init__(self, progress: Progress, what: str, total: float) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=total, text="")

    @property
    def speed(self) -> float | None:
        """How much a second; None at first."""
        return self._progress.tasks[self._task].speed

    def advance(self, amount: float = 1, text: str = "") -> None:
        """So much more is done; `text` stands beside the bar."""
        self._progress.update(self._task, advance=amount, text=text)

    def reach(self, done: float, text: str = "", what: str | None = None) -> None:
        """So much is done by now; `what` is counted from now on."""
        self._progress.update(self._task, completed=done, text=text, description=what)

    def tell(self, line: str) -> None:
        """Print a line above the bar, as it is."""
        self._progress.console.print(line, soft_wrap=True, highlight=False, markup=False)


def bars(of_shares: bool = False, transient: bool = False) -> Progress:
    """What draws bars; a context.

    Args:
        of_shares: totals are 1, and shown as per cent; else numbers are.
        transient: nothing stays of them.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn() if of_shares else MofNCompleteColumn(),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=transient,
    )


@contextmanager
def bar(what: str, total: int | None = None, transient: bool = False) -> Iterator[Bar]:
    """A bar of its own; without a total, of a share of 1."""
    with bars(total is None, transient) as progress:
        yield Bar(progress, what, 1.0 if total is None else total)


def counted(items: Iterable[_Item], what: str, total: int | None = None) -> Iterator[_Item]:
    """All items, with a bar of how many have been gone through; `total` where they have no length."""
    with bar(what, len(items) if total is None else total) as shown:
        for item in items:
            yield item
            shown.advance()
