"""Paths by OMPL's RRTConnect (Kuffner and LaValle 2000), shortened, and looked at densely."""

from __future__ import annotations

import numpy as np
from ompl import base, geometric, util

from vla_core.planning.path_planner import Clearance, PlanningError
from vla_core.safety.collision import CollisionModel

#: Fraction of the space's extent between two looks while planning. The path that is found is looked
#: at closer; where that finds something, the next one is planned finer.
_RESOLUTIONS = (0.003, 0.001, 0.0003)
#: How far outside the limits a measured start may be, relative to a joint's range.
_OUTSIDE = 0.02

# OMPL's samples have one seed a process, which must be given before the first is drawn.
util.setLogLevel(util.LOG_ERROR)
util.RNG.setSeed(1)


class OmplPlanner:
    """Plans between two positions of the whole robot.

    The straight line is taken where it is clear. Otherwise joints of hands only close or open
    between their two ends, and all others may move within their limits.

    Args:
        collision: distances.
        timeout_s: longest search [s].
    """

    def __init__(self, collision: CollisionModel, timeout_s: float = 5.0) -> None:
        self._collision = collision
        self._robot = collision.robot
        self._timeout_s = timeout_s
        self._hands = np.concatenate(
            [
                self._robot.group_indices(effector.hand_group)
                for effector in self._robot.end_effectors.values()
            ]
        )

    def plan(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """As `PathPlanner.plan`; positions a little outside the limits are taken to them."""
        start, goal = self._within_limits(start, "start"), self._within_limits(goal, "goal")
        ends = np.array((start, goal))
        self._refuse_near(goal)
        clearance = Clearance(self._collision, ends)
        if not clearance.problem(ends):
            return ends
        for resolution in _RESOLUTIONS:
            path = self._search(clearance, ends, resolution)
            problem = clearance.problem(path)
            if not problem:
                return path
        raise PlanningError(f"the path that was found is not clear: {problem}; plan again")

    def _refuse_near(self, goal: np.ndarray) -> None:
        below_m = self._collision.hard_m - self._collision.distances(goal)
        worst = int(np.argmax(below_m))
        if below_m[worst] > 0:
            pair = self._collision.pairs[worst]
            raise PlanningError(
                f"goal: {pair.first} and {pair.second} are nearer than their hard margin of "
                f"{self._collision.hard_m[worst]:g} m; choose another"
            )

    def _search(self, clearance: Clearance, ends: np.ndarray, resolution: float) -> np.ndarray:
        low, high = self._bounds(ends)
        setup = geometric.SimpleSetup(self._space(low, high))
        setup.setStateValidityChecker(lambda state: clearance.is_clear(self._read(state)))
        space = setup.getSpaceInformation()
        space.setStateValidityCheckingResolution(resolution)
        states = [space.allocState() for _ in ends]
        for state, position in zip(states, ends, strict=True):
            for place, value in enumerate(position):
                state[place] = value
        setup.setStartAndGoalStates(*states)
        setup.setPlanner(geometric.RRTConnect(space))
        setup.solve(self._timeout_s)
        if not setup.haveExactSolutionPath():
            raise PlanningError(
                f"no clear path was found within {self._timeout_s:g} s; move the robot nearer to "
                "the goal by hand, or give more time"
            )
        setup.simplifySolution(self._timeout_s)
        path = np.array([self._read(state) for state in setup.getSolutionPath().getStates()])
        path[[0, -1]] = ends
        return path

    def _bounds(self, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        limits = self._robot.limits
        low, high = limits.lower.copy(), limits.upper.copy()
        low[self._hands] = ends[:, self._hands].min(axis=0)
        high[self._hands] = np.maximum(ends[:, self._hands].max(axis=0), low[self._hands] + 1e-6)
        return low, high

    def _space(self, low: np.ndarray, high: np.ndarray) -> base.RealVectorStateSpace:
        bounds = base.RealVectorBounds(len(low))
        for place, (lower, upper) in enumerate(zip(low, high, strict=True)):
            bounds.setLow(place, float(lower))
            bounds.setHigh(place, float(upper))
        space = base.RealVectorStateSpace(len(low))
        space.setBounds(bounds)
        return space

    def _read(self, state: base.State) -> np.ndarray:
        return np.array([state[place] for place in range(self._robot.dof)])

    def _within_limits(self, position: np.ndarray, which: str) -> np.ndarray:
        limits = self._robot.limits
        position = np.asarray(position, dtype=float)
        if position.shape != (self._robot.dof,) or not np.isfinite(position).all():
            raise PlanningError(
                f"{which}: got {position.shape} positions, expected {self._robot.dof} finite ones"
            )
        clipped = np.clip(position, limits.lower, limits.upper)
        outside = np.abs(position - clipped) / (limits.upper - limits.lower)
        worst = int(np.argmax(outside))
        if outside[worst] > _OUTSIDE:
            raise PlanningError(
                f"{which}: {self._robot.joint_names[worst]} is at {position[worst]:.3f}, its "
                f"limits are {limits.lower[worst]:.3f} to {limits.upper[worst]:.3f}; move it by "
                "hand"
            )
        return clipped
