"""What is kept of an attempt: frames as `vla convert` makes them of a recording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import NamedTuple

import numpy as np

from vla_core.contract.scene import Scene
from vla_core.handover.intervention import Intervention
from vla_core.recordings.convert.frames import Frame
from vla_core.recordings.convert.spans import MOVED_BY_SOMEBODY, Span, SpanIntervention
from vla_core.types import NANOSECONDS, ControlMode


class _Moment(NamedTuple):
    """One observation: pictures by camera, joint positions and command `(dof,)`."""

    now_ns: int
    pictures: Mapping[str, np.ndarray]
    position: np.ndarray
    action: np.ndarray


class AttemptRecord:
    """One attempt, taken down while it happens.

    Args:
        sim: the scene; gives pictures and success.
        cameras: whose pictures are kept.
        rate_hz: frames a second.

    Attributes:
        span: when which mode was in force, interventions, and success.
    """

    def __init__(self, sim: Scene, cameras: tuple[str, ...], rate_hz: float) -> None:
        self._sim, self._cameras = sim, cameras
        self._period_ns = round(NANOSECONDS / rate_hz)
        self._moments: list[_Moment] = []
        self.span = Span(0, None, sim.instruction.text)

    def on_intervention(self, intervention: Intervention, trouble: Enum) -> None:
        """An intervention has begun, or has ended.

        Args:
            trouble: the operator's reason to take over.
        """
        if intervention.end_ns is None:
            cause = f"{intervention.cause}: {trouble.value}"
            self.span.interventions.append(
                SpanIntervention(
                    intervention.begin_ns, None, intervention.operator, intervention.source, cause
                )
            )
        else:
            begun = self.span.interventions[-1]
            begun.end_ns, begun.end_cause = intervention.end_ns, intervention.end_cause

    def on_tick(
        self, now_ns: int, mode: ControlMode, position: np.ndarray, action: np.ndarray
    ) -> None:
        """A tick is over.

        Args:
            mode: in force.
            position, action: `(dof,)` measured before it, and commanded in it.
        """
        span = self.span
        if span.end_ns is not None:
            return
        if mode not in MOVED_BY_SOMEBODY:  # where a recording of it would be cut, too
            span.end_ns = now_ns
            return
        if not span.modes or span.modes[-1][1] is not mode:
            span.modes.append((now_ns, mode))
        if now_ns < len(self._moments) * self._period_ns:
            return
        if not span.successes or span.successes[-1][1] != self._sim.success:
            span.successes.append((now_ns, self._sim.success))
        pictures = {camera: self._sim.render(camera) for camera in self._cameras}
        self._moments.append(_Moment(now_ns, pictures, position.copy(), action.copy()))

    def frames(self) -> Iterator[Frame]:
        """All of them, once the attempt is over."""
        span = self.span
        for now_ns, pictures, position, action in self._moments:
            yield Frame(
                dict(pictures),
                position,
                action,
                span.moved_by(now_ns),
                span.intervention_at(now_ns),
                span.succeeded_by(now_ns),
            )
