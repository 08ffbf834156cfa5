"""The tasks in other words, which no demonstration tells, after OpenHelix's enriched instructions.

Verbs, nouns and their order change (CALVIN-E, arXiv 2505.03912); colours keep their names, as only
they tell the blocks apart. They are no `SuiteTask.paraphrases`: the words of those are in the
vocabulary of every policy that is trained in a suite, and these are to be new.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vla_core.robot.model import RobotModel
from vla_core.suites.tabletop.moving import STILL, MovingBlockSim
from vla_core.types import Instruction

#: Each of a block's and a pad's colour.
PARAPHRASES = (
    "place the {block} cube on the {pad} mat",
    "move the {block} block over to the {pad} pad",
    "set the {block} brick down on the {pad} square",
    "take the {block} cube and leave it on the {pad} tile",
    "could you bring the {block} block to the {pad} one please",
    "the {block} cube belongs on the {pad} pad",
    "lay the {block} box onto the {pad} target",
    "grab the {block} thing and drop it at the {pad} place",
    "on the {pad} pad put the {block} block",
    "let the {pad} mat carry the {block} cube",
)


class ParaphrasedTable(MovingBlockSim):
    """What is told is one of the `PARAPHRASES`, which the seed chooses."""

    def __init__(self, robot: RobotModel) -> None:
        super().__init__(robot, STILL)
        self._chosen = PARAPHRASES[0]

    def reset(self, seed: int, task: int | None = None) -> Instruction:
        """As for `TabletopSim`, told in other words."""
        self._chosen = PARAPHRASES[np.random.default_rng((seed, 5)).integers(len(PARAPHRASES))]
        return super().reset(seed, task)

    @property
    def instruction(self) -> Instruction:
        """What the robot is told to do on this table."""
        task = self.layout.task
        return replace(task.instruction, text=self._chosen.format(block=task.block, pad=task.pad))
