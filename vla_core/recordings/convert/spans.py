"""Cuts a bag into episodes: by what the robot was told, and by who moved it; and says who did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vla_core.recordings.bags.bag import Bag
from vla_core.recordings.bags.bag_namespace import (
    INSTRUCTION,
    INTERVENTION,
    MODE,
    SUCCESS,
    told_topics,
)
from vla_core.types import ControlMode

MOVED_BY_SOMEBODY = (ControlMode.POLICY, ControlMode.TELEOP, ControlMode.BLEND)
_BY_A_PERSON = (ControlMode.TELEOP, ControlMode.BLEND)


@dataclass
class SpanIntervention:
    """A person moved the robot.

    Attributes:
        begin_ns, end_ns: from when to when, on the recorder's clock; an end of None is the span's.
        operator, cause, end_cause: who, and why; empty where the bag does not tell.
        source: with what.
    """

    begin_ns: int
    end_ns: int | None = None
    operator: str = ""
    source: str = "teleop"
    cause: str = ""
    end_cause: str = ""


@dataclass
class Span:
    """One episode of a bag, on the recorder's clock [ns].

    Attributes:
        begin_ns, end_ns: from when to when; an end of None is the bag's.
        instruction: what the robot was told.
        modes: from when on each mode was in force.
        interventions: when a person moved the robot.
        successes: from when on the task was found done, or not; empty where the bag does not tell.
    """

    begin_ns: int
    end_ns: int | None
    instruction: str
    modes: list[tuple[int, ControlMode]] = field(default_factory=list)
    interventions: list[SpanIntervention] = field(default_factory=list)
    successes: list[tuple[int, bool]] = field(default_factory=list)

    def intervention_at(self, now_ns: int) -> SpanIntervention | None:
        """The one that lasted then."""
        for intervention in reversed(self.interventions):
            ended = intervention.end_ns is not None and now_ns >= intervention.end_ns
            if intervention.begin_ns <= now_ns and not ended:
                return intervention
        return None

    def moved_by(self, now_ns: int) -> str:
        """What moved the robot then: `policy`, the name of a teleoperation, or another mode's."""
        intervention = self.intervention_at(now_ns)
        if intervention is not None:
            return intervention.source
        mode = _last(self.modes, now_ns)
        return "policy" if mode is None else mode.name.lower()

    def succeeded_by(self, now_ns: int) -> bool | None:
        """Whether the task was found done then; None where the bag does not tell."""
        return _last(self.successes, now_ns)


def _last(changes: list[tuple[int, Any]], now_ns: int) -> Any | None:
    return next((value for at_ns, value in reversed(changes) if at_ns <= now_ns), None)


def spans_of(bag: Bag, instruction: str = "", namespace: str = "") -> list[Span]:
    """The episodes of a bag: as long as an instruction is in force and somebody moves the robot.

    A bag that tells neither mode nor instruction is one episode.

    Args:
        instruction: what was done, where the bag does not tell.
        namespace: of the robot in the bag; what other robots were told is not its.

    Raises:
        BagError: modes are told, but only of other robots.
    """
    told = told_topics(bag.path, bag.topics, namespace)
    if not any(name.endswith(MODE) for name in told):
        return [Span(0, None, instruction)]
    by_event = any(name.endswith(INTERVENTION) and bag.topics[name].count for name in told)
    return list(_cut(_told(bag, told), instruction, by_event))


class _Success(NamedTuple):
    """Whether the task was found done."""

    done: bool


class _Intervention(NamedTuple):
    """News of an intervention."""

    ended: bool
    told: dict[str, str]


_News = str | ControlMode | _Success | _Intervention


def _told(bag: Bag, topics: list[str]) -> Iterator[tuple[int, _News]]:
    for topic, now_ns, message in bag.decoded(topics):
        if topic.endswith(INSTRUCTION):
            yield now_ns, message.text
        elif topic.endswith(SUCCESS):
            yield now_ns, _Success(bool(message.data))
        elif topic.endswith(INTERVENTION):
            told = {pair.key: pair.value for pair in message.values}
            yield now_ns, _Intervention(bool(told.get("end_ns")), told)
        else:
            yield now_ns, ControlMode(message.mode)


def _cut(
    told: Iterable[tuple[int, _News]], instruction: str, by_event: bool
) -> Iterator[Span]:
    """Spans; `by_event` says that interventions are told, else they are guessed by mode."""
    mode, span, running = ControlMode.IDLE, None, None
    for now_ns, news in told:
        if isinstance(news, ControlMode):
            mode = news
            if not by_event:
                running = _guess(running, now_ns, mode in _BY_A_PERSON)
        elif isinstance(news, _Intervention):
            running = _tell(running, now_ns, news)
        elif isinstance(news, str):
            instruction = news
        wanted = instruction if mode in MOVED_BY_SOMEBODY else None
        if span is not None and span.instruction != wanted:
            yield _ended(span, now_ns)
            span = None
        if span is None and wanted:
            span = Span(now_ns, None, wanted, [(now_ns, mode)])
        if span is not None:
            if span.modes[-1][1] is not mode:
                span.modes.append((now_ns, mode))
            if isinstance(news, _Success):
                span.successes.append((now_ns, news.done))
            if running is not None and running not in span.interventions:
                span.interventions.append(running)
    if span is not None:
        yield span


def _guess(
    running: SpanIntervention | None, now_ns: int, by_a_person: bool
) -> SpanIntervention | None:
    """The intervention that lasts, by the mode alone."""
    if running is None:
        return SpanIntervention(now_ns) if by_a_person else None
    if by_a_person:
        return running
    running.end_ns = now_ns
    return None


def _tell(
    running: SpanIntervention | None, now_ns: int, news: _Intervention
) -> SpanIntervention | None:
    """The intervention that lasts, by what was told of it."""
    told = news.told
    if not news.ended:
        return SpanIntervention(
            now_ns,
            operator=told.get("operator", ""),
            source=told.get("source") or SpanIntervention.source,
            cause=told.get("cause", ""),
        )
    if running is not None:
        running.end_ns, running.end_cause = now_ns, told.get("end_cause", "")
    return None


def _ended(span: Span, now_ns: int) -> Span:
    span.end_ns = now_ns
    return span
