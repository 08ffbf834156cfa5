"""A table that differs from the usual one in what its `Shift` says."""

from __future__ import annotations

import mujoco
import numpy as np

from vla_core.robot.model import RobotModel
from vla_core.suites.tabletop.event_log import EventLog
from vla_core.suites.tabletop.layout import TASKS, Layout, Task, moved_outside
from vla_core.suites.tabletop.looks import USUAL_COLOURS, dress, mixed_colours
from vla_core.suites.tabletop.moving import PATTERNS, SPEED, may_be_at
from vla_core.suites.tabletop.shapes import place_distractors
from vla_core.suites.tabletop.shift import Shift
from vla_core.suites.tabletop.tabletop import TabletopSim
from vla_core.types import Instruction

#: Of what is told that is no task of the suite.
OWN_ID = len(TASKS) + 1
#: Event: the told block has been held.
_HELD = "held"


class ShiftedTable(TabletopSim):
    """The simulated table of a shift.

    Args:
        robot, render: as for `TabletopSim`.
        shift: what differs.
    """

    def __init__(self, robot: RobotModel, shift: Shift = Shift(), render: bool = True) -> None:
        super().__init__(robot, render, shift.furnish)
        self.shift = shift
        self._log = EventLog(self.data, (_HELD,))
        self._differ(0)

    def reset(self, seed: int, task: int | None = None) -> Instruction:
        """As for `TabletopSim`; the same seed lays blocks and pads as on the usual table."""
        self._differ(seed)
        return super().reset(seed, task)

    def _differ(self, seed: int) -> None:
        """Draw by the seed what differs."""
        self._rng = np.random.default_rng((seed, 5))
        self._words = self.shift.words[self._rng.integers(len(self.shift.words))]

    def draw(self, rng: np.random.Generator, task: Task | None = None) -> Layout:
        """As for `TabletopSim`, with the told block moved outside where that is asked for."""
        layout = super().draw(rng, task)
        return moved_outside(rng, layout) if self.shift.outside else layout

    def reset_to(self, layout: Layout, position: np.ndarray) -> Instruction:
        """As for `TabletopSim`; what moves by itself begins to."""
        shift, rng = self.shift, self._rng
        self._colours = mixed_colours(rng, layout.task) if shift.mixed else USUAL_COLOURS
        self._told = self._tell(layout.task)
        super().reset_to(layout, position)
        self._colours.paint(self.model)
        if shift.textured:
            dress(self.model, rng)
        if shift.distractors:
            place_distractors(self.data, rng, layout)
        mujoco.mj_forward(self.model, self.data)
        return self.instruction

    def _tell(self, task: Task) -> Instruction:
        names, noun = self._colours, self.shift.nouns[task.block]
        text = self._words.format(block=names.blocks[task.block], noun=noun, pad=names.pads[task.pad])
        return Instruction(OWN_ID if self.shift.mixed else task.instruction.id, text)

    @property
    def instruction(self) -> Instruction:
        """What the robot is told to do on this table."""
        return self._told

    def success_of(self, instruction: Instruction) -> bool:
        """As for `TabletopSim`; of colours as they are here."""
        if instruction.text == self._told.text:
            return super().success_of(self.layout.task.instruction)
        told = next((task for task in TASKS if task.instruction.text == instruction.text), None)
        usual = told and self._colours.usually(told)
        return usual is not None and super().success_of(usual.instruction)

    def step(self, duration_s: float) -> None:
        """As for `TabletopSim`, the block moved by so much before."""
        task = self.layout.task
        if task.block in self.held.values() and not self._log.count(_HELD):
            self._log.add(_HELD)
        move = PATTERNS[self.shift.pattern](self.time_s) * SPEED * duration_s
        block = self.data.joint(f"{task.block}_block")
        if not self._log.count(_HELD) and may_be_at(self.layout, block.qpos[:2] + move):
            block.qpos[:2] += move
            mujoco.mj_kinematics(self.model, self.data)
        super().step(duration_s)
