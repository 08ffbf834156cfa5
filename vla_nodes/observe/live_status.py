"""The live view of a run: a table that renews itself, or plain lines where no one watches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from vla_core.metrics.live_table import run_table, status_line
from vla_nodes.observe.graph_observer import GraphObserver

_TABLE_PERIOD_S, _LINE_PERIOD_S = 0.5, 5.0


#: Width where there is no terminal to ask [characters].
_WIDTH = 110


def report_console() -> Console:
    """A console that is wide enough for the table, in a file, too."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


class LiveStatus:
    """Shows what an observer has measured; use it in `with`.

    Args:
        observer: what to show.
        title: of the table.
        progress: says where the run is, in one line.
        extra: more of the summary, e.g. `memory_mb`.
    """

    def __init__(
        self,
        observer: GraphObserver,
        title: str,
        progress: Callable[[], str],
        extra: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._observer = observer
        self._title = title
        self._progress = progress
        self._extra = extra
        self._console = report_console()
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._shown_s = 0.0

    def __enter__(self) -> LiveStatus:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def log(self, line: str) -> None:
        """A lasting line above the table."""
        self._console.print(line, highlight=False, markup=False)

    def update(self) -> None:
        """Renew what is shown, if it is time."""
        period_s = _TABLE_PERIOD_S if self._console.is_terminal else _LINE_PERIOD_S
        now_s = time.monotonic()
        if now_s - self._shown_s < period_s:
            return
        self._shown_s = now_s
        summary = self._observer.metrics.summary() | self._extra()
        if self._console.is_terminal:
            status = f"{self._progress()}   mode {self._observer.mode.name}"
            table = run_table(summary, self._title)
            self._live.update(Group(Text(status, style="bold"), table), refresh=True)
        else:
            print(status_line(summary, self._observer.mode.name, self._progress()), flush=True)
