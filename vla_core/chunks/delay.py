"""How many steps are executed between looking and the chunk's arrival."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from vla_core.types import Pace

#: Chunks that the estimate looks back on, and first ones that it leaves out: networks warm up.
KEPT, WARM_UP = 10, 2
#: A plan that is run through more slowly than this is held up.
_GOES_ON = 0.5


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


def joined_steps(horizon: int, frozen: int, pace: Pace) -> int:
    """How many steps of the plan in execution a new chunk should join.

    All that it holds, as long as it is executed. Where something is in its way it leads nowhere:
    then only the steps that will be executed before the chunk arrives, and the rest is new.

    Args:
        horizon: of a chunk.
        frozen: the delay's estimate [steps].
        pace: how the plan is run through.
    """
    return horizon if pace.speed >= _GOES_ON else min(frozen, horizon)


@dataclass(frozen=True)
class Lateness:
    """A delay beside what the strategy of execution can absorb.

    Attributes:
        strategy: its name, for people.
        delay_steps: the estimate (`DelayTracker.steps`).
        limit_steps: largest delay that the strategy can absorb; None: any.
    """

    strategy: str
    delay_steps: int
    limit_steps: int | None

    @property
    def exceeded(self) -> bool:
        """Whether the chunks can no longer be made one motion."""
        return self.limit_steps is not None and self.delay_steps > self.limit_steps

    @property
    def path_speed(self) -> float:
        """Path speed that is left, in [0, 1]: 1 up to the limit, 0 from twice the limit on.

        The same slope as `Response.SLOW_DOWN` has for stale inputs.
        """
        if not self.exceeded:
            return 1.0
        if self.limit_steps == 0:
            return 0.0
        return max(0.0, 2.0 - self.delay_steps / self.limit_steps)

    def __str__(self) -> str:
        what = f"path speed {self.path_speed:.2f}" if self.path_speed else "the robot holds"
        return (
            f"delay of {self.delay_steps} steps, {self.strategy} absorbs {self.limit_steps}: "
            f"{what}; a faster System 1, a longer horizon or an earlier look is needed"
        )
