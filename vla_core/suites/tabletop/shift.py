"""Kinds of tables besides the usual one, each by what differs; no demonstration shows one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import mujoco

from vla_core.contract.suite import USUAL, EpisodeTerms
from vla_core.suites.tabletop.belt import add_belt
from vla_core.suites.tabletop.event_log import make_room
from vla_core.suites.tabletop.furniture import CLOSING, COUNTING, SEARCHING, Furniture
from vla_core.suites.tabletop.looks import add_textures
from vla_core.suites.tabletop.moving import PATTERNS, STILL
from vla_core.suites.tabletop.shapes import NOUNS, USUAL_NOUNS, add_distractors, reshape
from vla_core.suites.tabletop.wording import PARAPHRASES, USUAL_WORDS


@dataclass(frozen=True)
class Shift:
    """What differs from the usual table; the rest is as usual.

    Attributes:
        words: how a task may be told; the seed chooses.
        nouns: what the block of each colour is called.
        outside: whether the told block lies where no demonstration has one.
        pattern: how the told block moves, a key of `PATTERNS`.
        textured: whether things and table have patterns.
        mixed: whether blocks and pads have each others' colours, and a pair is told that never is.
        reshaped: whether blocks are other things.
        distractors: whether things lie about that are never told.
        steps: how many tasks are told at once, one after the other: 1, 2 or 3.
        belt: whether a belt carries the blocks.
        furniture: what is used instead of blocks and pads.
        terms: of its episodes.
    """

    words: tuple[str, ...] = USUAL_WORDS
    nouns: Mapping[str, str] = field(default_factory=lambda: USUAL_NOUNS)
    outside: bool = False
    pattern: str = STILL
    textured: bool = False
    mixed: bool = False
    reshaped: bool = False
    distractors: bool = False
    steps: int = 1
    belt: bool = False
    furniture: Furniture | None = None
    terms: EpisodeTerms = EpisodeTerms()

    @property
    def moves(self) -> bool:
        """Whether anything moves by itself."""
        return self.belt or self.pattern != STILL

    @property
    def is_staged(self) -> bool:
        """Whether there is more to do than to put one block on one pad."""
        return self.steps > 1 or self.furniture is not None

    @property
    def tells_own(self) -> bool:
        """Whether what is told is no task of the suite, and no task can be asked for."""
        return self.mixed or self.furniture is not None

    def furnish(self, spec: mujoco.MjSpec) -> None:
        """Add what it needs to a scene that is about to be compiled."""
        make_room(spec)
        if self.textured:
            add_textures(spec)
        if self.reshaped:
            reshape(spec)
        if self.distractors:
            add_distractors(spec)
        if self.belt:
            add_belt(spec)
        for fixture in self.furniture.fixtures if self.furniture else ():
            fixture.add(spec)


#: By name.
SHIFTS: Mapping[str, Shift] = {
    USUAL: Shift(),
    "outside": Shift(outside=True),
    "paraphrase": Shift(words=PARAPHRASES),
    **{pattern: Shift(pattern=pattern) for pattern in PATTERNS if pattern != STILL},
    "appearance": Shift(textured=True),
    "combinations": Shift(mixed=True),
    "types": Shift(reshaped=True),
    "types_named": Shift(reshaped=True, nouns=NOUNS),
    "distractors": Shift(distractors=True),
    "two_steps": Shift(steps=2, terms=EpisodeTerms(time_limit_s=30.0)),
    "three_steps": Shift(steps=3, terms=EpisodeTerms(time_limit_s=45.0)),
    "drawer": Shift(furniture=CLOSING),
    "button": Shift(furniture=COUNTING, terms=EpisodeTerms(time_limit_s=20.0)),
    "boxes": Shift(furniture=SEARCHING, terms=EpisodeTerms(time_limit_s=30.0)),
    "belt": Shift(belt=True),
}
