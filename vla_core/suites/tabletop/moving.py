"""A table on which the told block moves while the robot reaches for it, or lies farther out.

The four patterns of CALVIN-D, with which OpenHelix (arXiv 2505.03912, table 1) tests asynchrony:
left, forward, diagonal, circular. How fast, it does not say.
"""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np

from vla_core.robot.model import RobotModel
from vla_core.suites.tabletop.layout import Layout, Task, moved_outside
from vla_core.suites.tabletop.tabletop import TabletopSim
from vla_core.types import Instruction

#: How fast the block moves [m/s], how far at most, the radius of its circle, and how far from its
#: pad it stays [m].
SPEED, FARTHEST, RADIUS, STOP_BEFORE_PAD = 0.02, 0.06, 0.03, 0.10

#: Of a block that does not move.
STILL = "still"
#: Direction `(2,)` of a pattern at a time [s] since the reset, in the base frame.
PATTERNS: dict[str, Callable[[float], np.ndarray]] = {
    STILL: lambda time_s: np.zeros(2),
    "left": lambda time_s: np.array((0.0, 1.0)),
    "forward": lambda time_s: np.array((1.0, 0.0)),
    "diagonal": lambda time_s: np.array((1.0, 1.0)) / np.sqrt(2.0),
    "circle": lambda time_s: np.array(
        (np.cos(time_s * SPEED / RADIUS), np.sin(time_s * SPEED / RADIUS))
    ),
}


class MovingBlockSim(TabletopSim):
    """The told block slides along a pattern until a hand has held it once.

    Args:
        robot, render: as for `TabletopSim`.
        pattern: key of `PATTERNS`.
        outside: whether the told block lies where no demonstration has one (`moved_outside`).
    """

    def __init__(
        self, robot: RobotModel, pattern: str, outside: bool = False, render: bool = True
    ) -> None:
        super().__init__(robot, render)
        self._direction, self._outside = PATTERNS[pattern], outside
        self._free = True

    def draw(self, rng: np.random.Generator, task: Task | None = None) -> Layout:
        """As for `TabletopSim`, with the told block moved outside where that is asked for."""
        layout = super().draw(rng, task)
        return moved_outside(rng, layout) if self._outside else layout

    def reset_to(self, layout: Layout, position: np.ndarray) -> Instruction:
        """As for `TabletopSim`; the block begins to move."""
        self._free = True
        return super().reset_to(layout, position)

    def step(self, duration_s: float) -> None:
        """As for `TabletopSim`, the block moved by so much before."""
        task = self.layout.task
        self._free = self._free and task.block not in self.held.values()
        move = self._direction(self.time_s) * SPEED * duration_s
        block = self.data.joint(f"{task.block}_block")
        if self._free and self._may_be_at(block.qpos[:2] + move):
            block.qpos[:2] += move
            mujoco.mj_kinematics(self.model, self.data)
        super().step(duration_s)

    def _may_be_at(self, place: np.ndarray) -> bool:
        task = self.layout.task
        return bool(
            np.linalg.norm(place - self.layout.blocks[task.block]) < FARTHEST
            and np.linalg.norm(place - self.layout.pads[task.pad]) > STOP_BEFORE_PAD
        )
