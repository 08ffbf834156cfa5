"""MetaWorld's tasks and task sets."""

from __future__ import annotations

from vla_core.contract.suite import SuiteTask
from vla_core.suites.metaworld.words import WORDS
from vla_core.types import Instruction

#: All fifty by the benchmark's name, numbered from 1 in the order of `WORDS`.
TASKS: dict[str, SuiteTask] = {
    name: SuiteTask(Instruction(number, told), tuple(others))
    for number, (name, (told, *others)) in enumerate(WORDS.items(), 1)
}
MT50 = tuple(TASKS)
MT10 = (
    "reach-v3",
    "push-v3",
    "pick-place-v3",
    "door-open-v3",
    "drawer-open-v3",
    "drawer-close-v3",
    "button-press-topdown-v3",
    "peg-insert-side-v3",
    "window-open-v3",
    "window-close-v3",
)
