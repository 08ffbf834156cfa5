"""Tables on which something else is used than blocks and pads, and what is to be done with it.

A drawer to close; and what asks for memory, as LingBot-VA does (section 4.5.2): to count (there a
plate is wiped six times, here a button is pressed three times), and to remember where has been
looked (boxes whose lids close by themselves, so that nothing tells whether one has been open).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from vla_core.suites.tabletop.fixtures import BOXES, BUTTON, DRAWER, Fixture
from vla_core.suites.tabletop.layout import Layout

#: Blocks and pads that are not used lie in a row at the far end of the table: x, and between their
#: y [m].
_ROW_X, _ROW_APART = 0.62, 0.16


@dataclass(frozen=True)
class AtFixture(Layout):
    """A table at which a fixture is used next.

    Attributes:
        fixture, at: which, and the `(2,)` x, y where it stands [m].
        times: how often.
    """

    fixture: Fixture
    at: np.ndarray
    times: int

    @property
    def side(self) -> str:
        """The arm on the fixture's side."""
        return "left" if self.at[1] > 0 else "right"


@dataclass(frozen=True)
class Furniture:
    """What stands on the table.

    Attributes:
        words: what is told; may name the told block.
        fixtures: which.
        courses: their names in the order in which they have to be used, no more and no less; the
            seed chooses one.
        hides: whether the told block lies in the last one of the course.
        rest_s: nothing may happen for so long before it is done [s].
    """

    words: str
    fixtures: tuple[Fixture, ...]
    courses: tuple[tuple[str, ...], ...]
    hides: bool = False
    rest_s: float = 0.0

    def stages(
        self, rng: np.random.Generator, layout: Layout
    ) -> tuple[dict[Fixture, np.ndarray], tuple[AtFixture, ...]]:
        """Where each fixture stands, and the table of a layout at one after the other."""
        places = {fixture: fixture.place(rng) for fixture in self.fixtures}
        by_name = {fixture.name: fixture for fixture in self.fixtures}
        course = self.courses[rng.integers(len(self.courses))]
        cleared = _cleared(rng, layout)
        if self.hides:
            blocks = {**cleared.blocks, layout.task.block: places[by_name[course[-1]]]}
            cleared = replace(cleared, blocks=blocks)
        stages = tuple(
            AtFixture(
                **vars(cleared), fixture=by_name[name], at=places[by_name[name]],
                times=len(list(same)),
            )
            for name, same in groupby(course)
        )  # fmt: skip
        return places, stages


def _cleared(rng: np.random.Generator, layout: Layout) -> Layout:
    """Blocks and pads out of the way."""
    names = [*layout.blocks, *layout.pads]
    row = _ROW_APART * (np.arange(len(names)) - (len(names) - 1) / 2)
    spots = {
        name: np.array((_ROW_X, y)) + rng.uniform(-0.01, 0.01, 2)
        for name, y in zip(names, rng.permutation(row), strict=True)
    }
    return replace(
        layout,
        blocks={name: spots[name] for name in layout.blocks},
        pads={name: spots[name] for name in layout.pads},
    )


CLOSING = Furniture("close the drawer", (DRAWER,), ((DRAWER.name,),))
COUNTING = Furniture(
    "press the button three times", (BUTTON,), ((BUTTON.name,) * 3,), rest_s=2.0
)
_FIRST, _SECOND = (box.name for box in BOXES)
SEARCHING = Furniture(
    f"find the {{block}} block: open the {_FIRST}, and if it is empty open the {_SECOND}",
    BOXES,
    ((_FIRST,), (_FIRST, _SECOND)),
    hides=True,
    rest_s=2.0,
)
