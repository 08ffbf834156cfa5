"""Progress bars of training stages: rate, remaining time, and the loss."""

from __future__ import annotations

from collections.abc import Callable

from vla_core.progress import Bar, bars


class StageBars:
    """One bar a stage, several at once; plain lines where there is no terminal."""

    def __init__(self) -> None:
        self._progress = bars()
        self._printed: dict[str, int] = {}

    def __enter__(self) -> StageBars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def bar(self, name: str, steps: int) -> Callable[[int, str], None]:
        """A new bar; the function it returns is told the step and a text."""
        shown = Bar(self._progress, name, steps)

        def show(step: int, text: str) -> None:
            rate = f"{shown.speed:.1f}/s " if shown.speed else ""
            shown.reach(step, rate + text)
            tenth = 10 * step // steps
            if not self._progress.console.is_terminal and tenth != self._printed.get(name):
                self._printed[name] = tenth
                print(f"{name} {step}/{steps} {text}", flush=True)

        return show
