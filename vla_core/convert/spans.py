"""Cuts a bag into episodes: by what the robot was told, and by who moved it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from vla_core.replay.bag import Bag
from vla_core.types import ControlMode

_INSTRUCTION, _MODE = "/vla/instruction", "/vla/mode"
_MOVED_BY_SOMEBODY = (ControlMode.POLICY, ControlMode.TELEOP, ControlMode.BLEND)
_BY_A_PERSON = (ControlMode.TELEOP, ControlMode.BLEND)


@dataclass
class Span:
    """One episode of a bag, on the recorder's clock [ns].

    Attributes:
        begin_ns, end_ns: from when to when; an end of None is the bag's.
        instruction: what the robot was told.
        interventions: from when to when a person moved it.
    """

    begin_ns: int
    end_ns: int | None
    instruction: str
    interventions: list[tuple[int, int | None]] = field(default_factory=list)

    def is_intervention(self, now_ns: int) -> bool:
        """Whether a person moved the robot then."""
        return any(
            begin_ns <= now_ns and (end_ns is None or now_ns < end_ns)
            for begin_ns, end_ns in self.interventions
        )


def spans_of(bag: Bag, instruction: str = "") -> list[Span]:
    """The episodes of a bag: as long as an instruction is in force and somebody moves the robot.

    A bag that tells neither mode nor instruction is one episode.

    Args:
        instruction: what was done, where the bag does not tell.
    """
    told = [name for name in bag.topics if name.endswith((_INSTRUCTION, _MODE))]
    if not any(name.endswith(_MODE) for name in told):
        return [Span(0, None, instruction)]
    return list(_cut(_told(bag, told), instruction))


def _told(bag: Bag, topics: list[str]) -> Iterator[tuple[int, str | ControlMode]]:
    for topic, now_ns, message in bag.decoded(topics):
        if topic.endswith(_INSTRUCTION):
            yield now_ns, message.text
        else:
            yield now_ns, ControlMode(message.mode)


def _cut(told: Iterable[tuple[int, str | ControlMode]], instruction: str) -> Iterator[Span]:
    mode, span = ControlMode.IDLE, None
    for now_ns, news in told:
        if isinstance(news, ControlMode):
            mode = news
        else:
            instruction = news
        wanted = instruction if mode in _MOVED_BY_SOMEBODY else None
        if span is not None and span.instruction != wanted:
            yield _ended(span, now_ns)
            span = None
        if span is None and wanted:
            span = Span(now_ns, None, wanted)
        if span is not None:
            _mark(span, now_ns, mode in _BY_A_PERSON)
    if span is not None:
        yield span


def _mark(span: Span, now_ns: int, by_a_person: bool) -> None:
    """Begin or end an intervention."""
    running = bool(span.interventions) and span.interventions[-1][1] is None
    if by_a_person and not running:
        span.interventions.append((now_ns, None))
    elif running and not by_a_person:
        span.interventions[-1] = (span.interventions[-1][0], now_ns)


def _ended(span: Span, now_ns: int) -> Span:
    span.end_ns = now_ns
    _mark(span, now_ns, False)
    return span
