"""How many steps are executed between looking and the chunk's arrival."""

from __future__ import annotations

from collections import deque

#: Chunks that the estimate looks back on, and first ones that it leaves out: networks warm up.
KEPT, WARM_UP = 10, 2


class DelayTracker:
    """Conservative estimate of the next chunk's delay [steps].

    Counted on the timeline, never taken from a clock's averages: what matters to the next chunk is
    how many of its first steps nobody will execute.

    Args:
        initial: the estimate until the first counted chunk.
    """

    def __init__(self, initial: int = 0) -> None:
        self._initial = initial
        self._left_out = 0
        self._counted: deque[int] = deque(maxlen=KEPT)

    def add(self, steps: int) -> None:
        """Count a chunk that arrived `steps` late."""
        if self._left_out < WARM_UP:
            self._left_out += 1
        else:
            self._counted.append(steps)

    @property
    def steps(self) -> int:
        """The largest delay of the newest chunks."""
        return max(self._counted, default=self._initial)
