"""Frames at a steady rate from events that came when they came.

Each frame takes of every input the value that came nearest to the frame's time, and no later than
half a period after it; so an event that is recorded a hair before or after belongs to it all the
same. Frames are laid on pictures of the first camera: at the rate at which these came, each frame
has a picture of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from vla_core.recordings.convert.spans import Span, SpanIntervention
from vla_core.recordings.sources.recording import (
    CommandCame,
    DepthCame,
    Event,
    ImageCame,
    JointStateCame,
)
from vla_core.types import NANOSECONDS

#: Inputs beside the cameras.
_POSITION, _ACTION, _DEPTH = object(), object(), object()
#: By which share of its error the time of the next frame follows the pictures: a clock that is off
#: by 1 % is followed at a tenth of a period, and the pictures' jitter is averaged.
_FOLLOW = 0.1
#: A picture that is farther from its frame's time than this is of another rate [periods].
_NEAR = 0.3


@dataclass(frozen=True)
class Frame:
    """What was known at one time.

    Attributes:
        pictures: by camera, `(height, width, 3)` uint8 RGB.
        position, action: `(dof,)` measured, and asked for.
        moved_by: what moved the robot: `policy`, the name of a teleoperation, `blend`, `expert`.
        intervention: by a person; None where none moved the robot.
        success: whether the task was found done by then; None where the bag does not tell.
        depth: by camera, `(height, width)` float32 [m], of those that it is asked of.
    """

    pictures: dict[str, np.ndarray]
    position: np.ndarray
    action: np.ndarray
    moved_by: str = "policy"
    intervention: SpanIntervention | None = None
    success: bool | None = None
    depth: dict[str, np.ndarray] = field(default_factory=dict)


def frames_of(
    events: Iterator[Event],
    spans: Sequence[Span],
    cameras: Sequence[str],
    rate_hz: float,
    depths: Sequence[str] = (),
) -> Iterator[tuple[int, Frame]]:
    """Frames of all spans, each with its span's number.

    A span's first frame is at the first picture of the first camera by which everything has come;
    its last one is not behind the last event, or no farther behind the last picture than half of
    the time between two.

    Args:
        events: of the bag, in the order they were received; joints in canonical order.
        cameras: the first one sets the pace.
        depths: those of the cameras whose depth is wanted, too.
    """
    grid = _Grid(cameras, rate_hz, depths)
    number = 0
    for event in chain(events, (None,)):
        while number < len(spans):
            span = spans[number]
            ended = event is None or (span.end_ns is not None and event.now_ns >= span.end_ns)
            for frame in grid.due(None if ended else event.now_ns, span):
                yield number, frame
            if not ended:
                break
            number += 1
            grid.stop()
        if number < len(spans) and event is not None:
            grid.take(event, begins=event.now_ns >= spans[number].begin_ns)


class _Grid:
    """The newest of every input, the next frame's time, and what came nearest to it so far."""

    def __init__(self, cameras: Sequence[str], rate_hz: float, depths: Sequence[str]) -> None:
        self._cameras, self._period_ns = cameras, NANOSECONDS / rate_hz
        self._depths = {name: (_DEPTH, name) for name in depths}
        self._needed = {*cameras, *self._depths.values(), _POSITION, _ACTION}
        #: Input -> when it came last, and what came.
        self._newest: dict[Any, tuple[int, np.ndarray]] = {}
        self._between_ns = 0.0
        self.stop()

    def stop(self) -> None:
        """The span is over: there is no next frame."""
        self._due_ns: float | None = None
        self._nearest: dict[Any, tuple[int, np.ndarray]] = {}
        self._count = self._last_ns = 0

    def take(self, event: Event, begins: bool) -> None:
        """Something came; `begins` says that a first frame may be at it."""
        match event:
            case ImageCame():
                key, value = event.camera, event.pixels
            case DepthCame():
                key, value = (_DEPTH, event.camera), event.depth
            case JointStateCame():
                key, value = _POSITION, event.position
            case CommandCame():
                key, value = _ACTION, event.position
            case _:
                return
        self._last_ns = event.now_ns
        if key == self._cameras[0] and key in self._newest:
            between_ns = event.now_ns - self._newest[key][0]
            self._between_ns += (between_ns - self._between_ns) * (_FOLLOW if self._between_ns else 1)
        self._newest[key] = (event.now_ns, value)
        if self._due_ns is not None:
            before = self._nearest.get(key)
            if before is None or abs(event.now_ns - self._due_ns) < abs(before[0] - self._due_ns):
                self._nearest[key] = (event.now_ns, value)
        elif begins and set(self._newest) >= self._needed:
            came_ns = self._newest[self._cameras[0]][0]
            if key == self._cameras[0] or event.now_ns - came_ns < self._period_ns / 2:
                self._due_ns, self._nearest = float(came_ns), dict(self._newest)

    def due(self, now_ns: int | None, span: Span) -> Iterator[Frame]:
        """Frames that nothing nearer can come to any more; None: nothing more comes at all."""
        half_ns = self._period_ns / 2
        while self._due_ns is not None:
            if now_ns is not None:
                over = self._due_ns + half_ns <= now_ns
            else:
                picture_ns = self._nearest[self._cameras[0]][0]
                behind_ns = min(self._between_ns, self._period_ns) / 2
                over = self._due_ns <= max(self._last_ns, picture_ns + behind_ns)
                over &= span.end_ns is None or self._due_ns < span.end_ns
            if not over:
                return
            yield self._frame(span)
            self._next()

    def _frame(self, span: Span) -> Frame:
        at_ns, nearest = round(self._due_ns), self._nearest
        return Frame(
            {name: nearest[name][1] for name in self._cameras},
            nearest[_POSITION][1],
            nearest[_ACTION][1],
            span.moved_by(at_ns),
            span.intervention_at(at_ns),
            span.succeeded_by(at_ns),
            {name: nearest[key][1] for name, key in self._depths.items()},
        )

    def _next(self) -> None:
        error_ns = self._nearest[self._cameras[0]][0] - self._due_ns
        self._count += 1
        if abs(error_ns) < _NEAR * self._period_ns:
            self._due_ns += error_ns * max(_FOLLOW, 1 / self._count)
        self._due_ns += self._period_ns
        self._nearest = dict(self._newest)
