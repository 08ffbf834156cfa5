"""A hand that does LIBERO's steps in empty space: it goes to a place, closes, carries, opens."""

from __future__ import annotations

import numpy as np

from vla_suite_server.scene import State

STEP_S, STEP_M, NEAR_M = 0.05, 0.05, 0.02
_GRIPPER = 6


def open_scene(tasks: int, lazy: tuple[int, ...] = ()) -> ToyArm:
    return ToyArm(tasks, lazy)


class ToyArm:
    """The seed places a thing and a basket. In `lazy` tasks the oracle stays away."""

    timestep_s = STEP_S

    def __init__(self, tasks: int, lazy: tuple[int, ...]) -> None:
        self._tasks, self._lazy = tasks, lazy

    def reset(self, seed: int, task: int | None) -> int:
        self._task = seed % self._tasks if task is None else task
        self._thing, self._basket = np.random.default_rng(seed).uniform(-0.3, 0.3, (2, 3))
        self._hand, self._closed, self._time_s = np.zeros(3), -1.0, 0.0
        self._command = self._measured()
        return self._task

    def act(self, action: np.ndarray, duration_s: float) -> None:
        self._command = action.copy()
        for _ in range(round(duration_s / STEP_S)):
            step = STEP_M * np.clip(action[7:10], -1.0, 1.0)
            self._closed = float(np.clip(self._closed + 0.5 * np.sign(action[_GRIPPER]), -1.0, 1.0))
            if self._closed > 0.0 and np.linalg.norm(self._thing - self._hand) < NEAR_M:
                self._thing = self._thing + step
            self._hand = self._hand + step
            self._time_s += STEP_S

    def advise(self) -> np.ndarray:
        told = self._measured()
        told[_GRIPPER] = -1.0
        if self._task in self._lazy:
            return told
        held = np.linalg.norm(self._thing - self._hand) < NEAR_M
        there = np.linalg.norm(self._basket - self._thing) < NEAR_M
        goal = self._basket if held else self._thing
        if not there and not (held and self._closed < 1.0):
            told[7:10] = np.clip((goal - self._hand) / STEP_M, -1.0, 1.0)
        told[_GRIPPER] = 1.0 if held and not there else -1.0
        return told

    def state(self) -> State:
        done = np.zeros(self._tasks, bool)
        done[self._task] = np.linalg.norm(self._basket - self._thing) < NEAR_M
        return State(self._time_s, self._measured(), np.zeros(13), self._command, done)

    def render(self, camera: str) -> np.ndarray:
        return np.full((8, 8, 3), 100 + 100 * self._hand[0], np.uint8)

    def close(self) -> None:
        pass

    def _measured(self) -> np.ndarray:
        return np.array([*self._hand, 0.0, 0.0, 0.0, self._closed, *np.zeros(6)])
