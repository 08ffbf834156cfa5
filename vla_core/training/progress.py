"""Progress bars of training stages: rate, remaining time, and the loss."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class StageBars:
    """One bar a stage, several at once; plain lines where there is no terminal."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:>12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}"),
            console=Console(),
        )
        self._printed: dict[str, int] = {}

    def __enter__(self) -> StageBars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def bar(self, name: str, steps: int) -> Callable[[int, str], None]:
        """A new bar; the function it returns is told the step and a text."""
        task = self._progress.add_task(name, total=steps, text="", rate="")

        def show(step: int, text: str) -> None:
            speed = self._progress.tasks[task].speed
            rate = f"{speed:.1f}/s" if speed else ""
            self._progress.update(task, completed=step, text=text, rate=rate)
            tenth = 10 * step // steps
            if not self._progress.console.is_terminal and tenth != self._printed.get(name):
                self._printed[name] = tenth
                print(f"{name} {step}/{steps} {text}", flush=True)

        return show
