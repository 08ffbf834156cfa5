"""A hand that goes where it is told, one centimetre a step: MetaWorld's, without MetaWorld."""

from __future__ import annotations

import numpy as np

from vla_suite_server.scene import State

STEP_S, LARGEST_M, NEAR_M = 0.0125, 0.01, 0.02


def open_scene(tasks: int, lazy: tuple[int, ...] = ()) -> ToyHand:
    return ToyHand(tasks, lazy)


class ToyHand:
    """The seed places the goal; the task is done near it. In `lazy` tasks the oracle stays away."""

    timestep_s = STEP_S

    def __init__(self, tasks: int, lazy: tuple[int, ...]) -> None:
        self._tasks, self._lazy = tasks, lazy

    def reset(self, seed: int, task: int | None) -> int:
        self._task = seed % self._tasks if task is None else task
        self._goal = np.random.default_rng(seed).uniform((-0.2, 0.5, 0.1), (0.2, 0.8, 0.3))
        self._hand, self._time_s = np.array([0.0, 0.6, 0.6, -1.0]), 0.0
        self._command = self._hand.copy()
        return self._task

    def act(self, action: np.ndarray, duration_s: float) -> None:
        self._command = action.copy()
        for _ in range(round(duration_s / STEP_S)):
            self._hand[:3] += np.clip(action[:3] - self._hand[:3], -LARGEST_M, LARGEST_M)
            self._time_s += STEP_S

    def advise(self) -> np.ndarray:
        if self._task in self._lazy:
            return self._hand.copy()
        way = np.clip(self._goal - self._hand[:3], -LARGEST_M, LARGEST_M)
        return np.array([*(self._hand[:3] + way), 0.5])

    def state(self) -> State:
        done = np.zeros(self._tasks, bool)
        done[self._task] = np.linalg.norm(self._goal - self._hand[:3]) < NEAR_M
        return State(self._time_s, self._hand.copy(), np.zeros(4), self._command, done)

    def render(self, camera: str) -> np.ndarray:
        return np.full((8, 8, 3), 100 + 100 * self._hand[0], np.uint8)

    def close(self) -> None:
        pass
