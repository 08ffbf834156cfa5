"""Frames at a steady rate from events that came when they came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from vla_core.convert.spans import Span, SpanIntervention
from vla_core.replay.offline.recording import CommandCame, Event, ImageCame, JointStateCame
from vla_core.types import NANOSECONDS


@dataclass(frozen=True)
class Frame:
    """What was known at one time.

    Attributes:
        pictures: by camera, `(height, width, 3)` uint8 RGB.
        position, action: `(dof,)` measured, and asked for (measured, where nothing was).
        moved_by: what moved the robot: `policy`, the name of a teleoperation, `blend`.
        intervention: by a person; None where none moved the robot.
        success: whether the task was found done by then; None where the bag does not tell.
    """

    pictures: dict[str, np.ndarray]
    position: np.ndarray
    action: np.ndarray
    moved_by: str = "policy"
    intervention: SpanIntervention | None = None
    success: bool | None = None


def frames_of(
    events: Iterator[Event],
    spans: Sequence[Span],
    cameras: Sequence[str],
    rate_hz: float,
) -> Iterator[tuple[int, Frame]]:
    """Frames of all spans, each with its span's number.

    A span's first frame is when everything has come; each frame holds the newest of each input that
    had come by its time.

    Args:
        events: of the bag, in the order they were received; joints in canonical order.
    """
    pictures: dict[str, np.ndarray] = {}
    position = action = None
    number, first_ns, index, last_ns = 0, None, 0, 0
    for event in chain(events, (None,)):
        now_ns = last_ns + 1 if event is None else event.now_ns
        while number < len(spans):
            span = spans[number]
            until_ns = now_ns if span.end_ns is None else min(now_ns, span.end_ns)
            while first_ns is not None:
                due_ns = first_ns + round(index * NANOSECONDS / rate_hz)
                if due_ns >= until_ns:
                    break
                asked = position if action is None else action
                yield (
                    number,
                    Frame(
                        dict(pictures),
                        position,
                        asked,
                        span.moved_by(due_ns),
                        span.intervention_at(due_ns),
                        span.succeeded_by(due_ns),
                    ),
                )
                index += 1
            if span.end_ns is None or now_ns < span.end_ns:
                break
            number, first_ns, index = number + 1, None, 0
        last_ns = now_ns
        if isinstance(event, ImageCame):
            pictures[event.camera] = event.pixels
        elif isinstance(event, JointStateCame):
            position = event.position
        elif isinstance(event, CommandCame):
            action = event.position
        whole = position is not None and len(pictures) == len(cameras)
        if first_ns is None and whole and number < len(spans) and now_ns >= spans[number].begin_ns:
            first_ns = now_ns
