"""Kinds of tables besides the usual one, each by what differs; no demonstration shows one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import mujoco

from vla_core.contract.suite import USUAL
from vla_core.suites.tabletop.event_log import make_room
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
    """

    words: tuple[str, ...] = USUAL_WORDS
    nouns: Mapping[str, str] = field(default_factory=lambda: USUAL_NOUNS)
    outside: bool = False
    pattern: str = STILL
    textured: bool = False
    mixed: bool = False
    reshaped: bool = False
    distractors: bool = False

    @property
    def moves(self) -> bool:
        """Whether anything moves by itself."""
        return self.pattern != STILL

    def furnish(self, spec: mujoco.MjSpec) -> None:
        """Add what it needs to a scene that is about to be compiled."""
        make_room(spec)
        if self.textured:
            add_textures(spec)
        if self.reshaped:
            reshape(spec)
        if self.distractors:
            add_distractors(spec)


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
}
