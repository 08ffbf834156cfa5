"""The scripted expert where a task has stages, or other things than blocks are used, or they come by."""

from __future__ import annotations

import numpy as np

from vla_core.suites.tabletop.expert import Expert
from vla_core.suites.tabletop.furniture import AtFixture
from vla_core.suites.tabletop.shifted_table import ShiftedTable

#: A joint is home this near to the ready pose [rad].
_HOME = 0.08
#: How far before a thing a hand begins to push it, how far beside its way it still may, and how far
#: ahead of the hand the goal is meanwhile [m].
_BEFORE, _BESIDE, _AHEAD = 0.045, 0.02, 0.03
#: A hand follows what moves so much later, by which its goal is ahead [s].
_LATE_S = 0.5
#: So high above where it pushed a hand lifts before it goes home; so high it comes [m].
_LIFT, _TRAVEL = 0.09, 0.10


class ShiftedExpert(Expert):
    """Does one stage after the other; an arm goes home before the other one begins. Takes blocks from
    a belt.

    Args:
        sim: the table.
        gain: as for `Expert`.
    """

    sim: ShiftedTable

    def _goal(self, side: str) -> tuple[np.ndarray | None, bool]:
        layout = self.sim.layout
        if not self._is_home(*(other for other in self.arms if other != side)):
            return None, side in self.sim.held
        if isinstance(layout, AtFixture):
            return self._pushing(side, layout), True
        goal, closing = super()._goal(side)
        if self.sim.shift.belt and goal is not None and side not in self.sim.held:
            block = self.sim.data.joint(f"{layout.task.block}_block")
            goal[:2] += _LATE_S * block.qvel[:2]
        return goal, closing

    def _is_home(self, side: str) -> bool:
        robot = self.sim.robot
        arm = robot.group_indices(robot.end_effectors[side].arm_group)
        return bool(np.abs(self.command - robot.ready_pose)[arm].max() < _HOME)

    def _pushing(self, side: str, layout: AtFixture) -> np.ndarray | None:
        """Where the hand goes to push a fixture, or to leave it."""
        sim, fixture = self.sim, layout.fixture
        hand = self.arms[side].position(self.command)
        at, along = fixture.push(sim.data)
        before = float((at - hand) @ along)
        done = sim.still_to_do() <= 0 and not sim.in_use(fixture)
        if done or sim.fully_used(fixture):
            if before < _BEFORE:
                return hand - _AHEAD * along
            if hand[2] < at[2] + _LIFT:
                return hand + (0.0, 0.0, 2 * _AHEAD)
            return None
        beside = (at - hand) - before * along
        if -0.03 < before < _BEFORE + _BESIDE and np.linalg.norm(beside) < _BESIDE:
            return hand + beside + _AHEAD * along
        return _over(hand, at - _BEFORE * along)


def _over(hand: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Come down only as the hand comes over the goal."""
    away = np.linalg.norm(goal[:2] - hand[:2])
    return goal + (0.0, 0.0, _TRAVEL * np.clip((away - 0.015) / 0.06, 0.0, 1.0))
