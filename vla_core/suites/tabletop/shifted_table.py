"""A table that differs from the usual one in what its `Shift` says."""

from __future__ import annotations

import mujoco
import numpy as np

from vla_core.errors import ConfigError
from vla_core.robot.model import RobotModel
from vla_core.suites.tabletop import belt
from vla_core.suites.tabletop.event_log import EventLog
from vla_core.suites.tabletop.fixtures import Fixture
from vla_core.suites.tabletop.furniture import AtFixture
from vla_core.suites.tabletop.layout import TASKS, Layout, Task, moved_outside
from vla_core.suites.tabletop.looks import USUAL_COLOURS, dress, mixed_colours
from vla_core.suites.tabletop.moving import PATTERNS, SPEED, STILL, may_be_at
from vla_core.suites.tabletop.shapes import place_distractors
from vla_core.suites.tabletop.shift import Shift
from vla_core.suites.tabletop.stages import following, then
from vla_core.suites.tabletop.tabletop import TabletopSim
from vla_core.types import Instruction

#: Of what is told that is no task of the suite.
OWN_ID = len(TASKS) + 1
#: Events: the told block has been held; a stage is done and the hand has left; of a fixture its name
#: once it has been used, and behind it that its part has gone all the way, and is back.
_HELD, _LEFT, _FULLY, _OVER = "held", "left", " fully", " over"
#: A hand has left what is farther from its grasp frame [m].
_AWAY = 0.09


class ShiftedTable(TabletopSim):
    """The simulated table of a shift.

    What is told may have stages, done one after the other; `layout` is the table as the next one
    finds it.

    Args:
        robot, render: as for `TabletopSim`.
        shift: what differs.
    """

    def __init__(self, robot: RobotModel, shift: Shift = Shift(), render: bool = True) -> None:
        self._stages: tuple[Layout, ...] = ()
        super().__init__(robot, render, shift.furnish)
        self.shift = shift
        self._fixtures = shift.furniture.fixtures if shift.furniture else ()
        ends = ("", _FULLY, _OVER)
        used = [fixture.name + end for fixture in self._fixtures for end in ends]
        self._log = EventLog(self.data, (_HELD, _LEFT, *used))
        self._differ(0)

    def reset(self, seed: int, task: int | None = None) -> Instruction:
        """As for `TabletopSim`; the same seed lays blocks and pads as on the usual table, where they
        are used and not on a belt.

        Raises:
            ConfigError: a task is asked for, and what is told here is none of the suite.
        """
        if task is not None and self.shift.tells_own:
            raise ConfigError(
                "tabletop's scenes", f"tell what is no task of the suite here; got task {task + 1}"
            )
        self._differ(seed)
        return super().reset(seed, task)

    def _differ(self, seed: int) -> None:
        """Draw by the seed what differs."""
        self._rng = np.random.default_rng((seed, 5))
        self._words = self.shift.words[self._rng.integers(len(self.shift.words))]

    @property
    def layout(self) -> Layout | None:
        """The table as the stage finds it that is to be done next."""
        if not self._stages:
            return None
        return self._stages[min(self._log.count(_LEFT), len(self._stages) - 1)]

    @layout.setter
    def layout(self, layout: Layout | None) -> None:
        """The base lays the first one."""

    def draw(self, rng: np.random.Generator, task: Task | None = None) -> Layout:
        """As for `TabletopSim`, but as the shift has it."""
        layout = super().draw(rng, task)
        if self.shift.outside:
            layout = moved_outside(rng, layout)
        return belt.on_belt(self._rng, layout) if self.shift.belt else layout

    def reset_to(self, layout: Layout, position: np.ndarray) -> Instruction:
        """As for `TabletopSim`; what moves by itself begins to."""
        shift, rng, furniture = self.shift, self._rng, self.shift.furniture
        places: dict[Fixture, np.ndarray] = {}
        if furniture:
            places, self._stages = furniture.stages(rng, layout)
        else:
            self._stages = following(rng, layout, shift.steps)
        self._colours = mixed_colours(rng, layout.task) if shift.mixed else USUAL_COLOURS
        self._told = self._tell()
        super().reset_to(self._stages[0], position)
        for fixture, place in places.items():
            fixture.stand(self.model, place)
        self._colours.paint(self.model)
        if shift.textured:
            dress(self.model, rng)
        if shift.distractors:
            place_distractors(self.data, rng, layout)
        if shift.belt:
            belt.start(self.data, layout)
        mujoco.mj_forward(self.model, self.data)
        return self.instruction

    def _tell(self) -> Instruction:
        tasks, names = [stage.task for stage in self._stages], self._colours
        if self.shift.furniture:
            return Instruction(OWN_ID, self.shift.furniture.words.format(block=tasks[0].block))
        text = then(
            self._words.format(
                block=names.blocks[task.block],
                noun=self.shift.nouns[task.block],
                pad=names.pads[task.pad],
            )
            for task in tasks
        )
        own = self.shift.mixed or len(tasks) > 1
        return Instruction(OWN_ID if own else tasks[0].instruction.id, text)

    @property
    def instruction(self) -> Instruction:
        """What the robot is told to do on this table."""
        return self._told

    def success_of(self, instruction: Instruction) -> bool:
        """As for `TabletopSim`; of colours as they are here."""
        if instruction.text == self._told.text:
            return self._all_done()
        told = next((task for task in TASKS if task.instruction.text == instruction.text), None)
        usual = told and self._colours.usually(told)
        return usual is not None and super().success_of(usual.instruction)

    def _all_done(self) -> bool:
        furniture, names = self.shift.furniture, {fixture.name for fixture in self._fixtures}
        if furniture:
            course = [stage.fixture.name for stage in self._stages for _ in range(stage.times)]
            used = [event for event in self._log if event in names]
            return used == course and self._log.quiet_s >= furniture.rest_s
        if self._log.count(_LEFT) < len(self._stages) - 1:
            return False
        last = {stage.task.block: stage.task for stage in self._stages}
        return all(super(ShiftedTable, self).success_of(task.instruction) for task in last.values())

    def in_use(self, fixture: Fixture) -> bool:
        """Whether it has been used and is not as before."""
        return self._last(fixture) != _OVER

    def fully_used(self, fixture: Fixture) -> bool:
        """Whether its part has gone all the way, and is not back."""
        return self._last(fixture) == _FULLY

    def _last(self, fixture: Fixture) -> str:
        """What has happened last with it: nothing, `_FULLY` or `_OVER` behind its name."""
        own = [event for event in self._log if event.startswith(fixture.name)]
        return own[-1].removeprefix(fixture.name) if own else _OVER

    def still_to_do(self) -> int:
        """How often the fixture of the next stage is still to be used."""
        return self.layout.times - self._log.count(self.layout.fixture.name)

    def step(self, duration_s: float) -> None:
        """As for `TabletopSim`, the block moved by so much before."""
        if self.shift.pattern != STILL:
            self._slide(duration_s)
        super().step(duration_s)
        for fixture in self._fixtures:
            self._see(fixture)
        if self._log.count(_LEFT) < len(self._stages) - 1 and self._stage_done():
            self._log.add(_LEFT)

    def _slide(self, duration_s: float) -> None:
        task, layout = self.layout.task, self.layout
        if task.block in self.held.values() and not self._log.count(_HELD):
            self._log.add(_HELD)
        move = PATTERNS[self.shift.pattern](self.time_s) * SPEED * duration_s
        block = self.data.joint(f"{task.block}_block")
        if not self._log.count(_HELD) and may_be_at(layout, block.qpos[:2] + move):
            block.qpos[:2] += move
            mujoco.mj_kinematics(self.model, self.data)

    def _see(self, fixture: Fixture) -> None:
        slid, last = fixture.slid(self.data), self._last(fixture)
        if last == _OVER and slid > fixture.counts_at:
            self._log.add(fixture.name)
        elif last == "" and slid > fixture.full_at:
            self._log.add(fixture.name + _FULLY)
        elif last != _OVER and slid < fixture.over_at:
            self._log.add(fixture.name + _OVER)

    def _stage_done(self) -> bool:
        layout = self.layout
        if isinstance(layout, AtFixture):
            done = self.still_to_do() <= 0 and not self.in_use(layout.fixture)
            place = layout.fixture.push(self.data)[0]
        else:
            done = super().success_of(layout.task.instruction)
            place = self.body_position(f"{layout.task.block}_block")
        return done and all(
            np.linalg.norm(self.body_position(effector.grasp_frame) - place) > _AWAY
            for effector in self.robot.end_effectors.values()
        )
