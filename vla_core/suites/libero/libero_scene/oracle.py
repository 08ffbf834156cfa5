"""Picks up a thing and drops it into a basket, told by the simulator where both are.

It does the ten tasks of LIBERO-Object, whose goals are `In(thing, container)`. It does not look: it
is there to show that a task can be done, and how.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from libero_scene.goal import Goal
from libero_scene.grasp import Grasp, extent, grasp_of
from libero_scene.end_effector_control import rotation_vector
from libero_scene.world import World

#: Over a thing before it is grasped, and what is carried over a basket's rim [m].
ABOVE, CLEAR = 0.1, 0.03
#: What is carried ends so far over the basket's bottom; fingers so far under its rim at most [m].
OVER_BOTTOM, UNDER_RIM = 0.02, 0.01
#: How near is near enough [m] [rad].
NEAR, NEARER, TURNED = 0.015, 0.006, 0.06
#: A thing that has not come up by this much of the way is not held.
HELD = 0.5
#: Time that fingers take [s]; a stage ends after so long in any case [s].
CLOSING_S, OPENING_S, LONGEST_S = 0.6, 0.4, 3.0


class Stage(IntEnum):
    """What it does, in this order."""

    OVER, DOWN, CLOSE, UP, CARRY, LOWER, OPEN, AWAY = range(8)


class Oracle:
    """For one world; `begin` after each of its resets, `look` after each step.

    Attributes:
        stage: what it does now.
    """

    def __init__(self, world: World, step_s: float) -> None:
        self._world, self._step_s = world, step_s
        wanted = [state for state in world.env.parsed_problem["goal_state"] if state[0] == "in"]
        if len(wanted) != 1 or len(world.env.parsed_problem["goal_state"]) != 1:
            raise ValueError(f"no oracle for the goal {world.env.parsed_problem['goal_state']}")
        _, self._thing, region = wanted[0]
        self._into = world.env.object_sites_dict[region].parent_name
        self._region = region

    def begin(self) -> None:
        """The world was reset."""
        self._enter(Stage.OVER)

    def look(self) -> None:
        """A step has passed: go on where a stage is done."""
        self._in_stage_s += self._step_s
        if self._is_done():
            lost = self.stage in (Stage.UP, Stage.CARRY) and not self._comes_up()
            if lost or self.stage is Stage.AWAY:
                self._enter(Stage.OVER)
            else:
                self._enter(Stage(self.stage + 1))

    def goal(self) -> Goal:
        """Where the hand is to be now."""
        closed = Stage.CLOSE <= self.stage <= Stage.LOWER
        return Goal(self._place(), self._turn, closed)

    def _enter(self, stage: Stage) -> None:
        self.stage, self._in_stage_s = stage, 0.0
        if stage is Stage.OVER:
            self._plan()
        elif stage is Stage.UP:
            self._lay_at = self._height()
        elif stage is Stage.CARRY:
            self._target = self._over_basket()
        elif stage is Stage.AWAY:
            self._left = self._at.copy()

    def _plan(self) -> None:
        """How to grasp, from where things are and the hand is."""
        world = self._world
        turned = world.data.site_xmat[world.site].reshape(3, 3)
        joint = world.model.joint(world.robot.gripper_joints[0]).id
        line = turned.T @ world.data.xaxis[joint]
        now = float(np.arctan2(*(turned @ line)[1::-1]))
        others = [name for name in world.env.objects_dict if name != self._thing]
        self._grasp: Grasp = grasp_of(world, self._thing, others, now)
        angle = now + (self._grasp.angle - now + np.pi / 2) % np.pi - np.pi / 2
        self._turn = _pointing_down(line, angle)
        basket = extent(world, self._into)
        self._rim, self._bottom = basket.top, basket.bottom

    def _place(self) -> np.ndarray:
        grasp, up = self._grasp.place, np.array([0.0, 0.0, 1.0])
        carried = max(self._rim + CLEAR + self._grasp.hang, grasp[2] + ABOVE)
        lowest = max(self._rim - UNDER_RIM, self._bottom + OVER_BOTTOM + self._grasp.hang)
        if self.stage in (Stage.CARRY, Stage.LOWER, Stage.OPEN):
            return np.array([*self._target, carried if self.stage is Stage.CARRY else lowest])
        if self.stage is Stage.AWAY:
            return self._left + 0.1 * up
        if self.stage is Stage.UP:
            return np.array([*grasp[:2], carried])
        return grasp + (ABOVE * up if self.stage is Stage.OVER else 0.0)

    def _is_done(self) -> bool:
        if self.stage is Stage.AWAY and self._world.success:
            return False
        if self.stage is Stage.CLOSE:
            return self._in_stage_s >= CLOSING_S
        if self.stage is Stage.OPEN:
            return self._in_stage_s >= OPENING_S
        near = NEARER if self.stage is Stage.DOWN else NEAR
        off = self._place() - self._at
        turn = self._turn @ self._world.data.site_xmat[self._world.site].reshape(3, 3).T
        there = np.linalg.norm(off) < near and np.linalg.norm(rotation_vector(turn)) < TURNED
        return bool(there) or self._in_stage_s >= LONGEST_S

    def _over_basket(self) -> np.ndarray:
        """`(2,)` where the hand is when what it holds is over the middle of the region."""
        hangs = self._of(self._thing)[:2] - self._at[:2]
        return self._world.env.sim.data.get_site_xpos(self._region)[:2] - hangs

    def _comes_up(self) -> bool:
        return self._height() - self._lay_at > HELD * (self._at[2] - self._grasp.place[2])

    def _height(self) -> float:
        return float(self._of(self._thing)[2])

    def _of(self, thing: str) -> np.ndarray:
        return self._world.data.xpos[self._world.env.obj_body_id[thing]]

    @property
    def _at(self) -> np.ndarray:
        return self._world.data.site_xpos[self._world.site]


def _pointing_down(line: np.ndarray, angle: float) -> np.ndarray:
    """`(3, 3)` with the hand's z down, and the fingers' line, in the hand's axes, at an angle."""
    down, along = np.array([0.0, 0.0, -1.0]), np.array([np.cos(angle), np.sin(angle), 0.0])
    forward = np.array([0.0, 0.0, 1.0])
    world = np.stack([along, np.cross(down, along), down], axis=1)
    hand = np.stack([line, np.cross(forward, line), forward], axis=1)
    return world @ hand.T
