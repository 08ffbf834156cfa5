"""A scene of another process, as if it were here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from vla_core.contract.scene import SceneLostError
from vla_core.contract.suite import SuiteTask
from vla_core.robot.model import RobotModel
from vla_core.suites.process.scene_process import SceneProcess
from vla_core.suites.process.suite_process import SuiteProcess
from vla_core.types import Instruction


class Played(NamedTuple):
    """What came of a chunk of actions: a row after each.

    Attributes:
        time_s: `(steps,)` since the reset [s].
        position, velocity, targets: `(steps, dof)`.
        done: `(steps, tasks)` bool, in the suite's order.
        images: `{camera: (height, width, 3) uint8 RGB}` after the last.
    """

    time_s: np.ndarray
    position: np.ndarray
    velocity: np.ndarray
    targets: np.ndarray
    done: np.ndarray
    images: dict[str, np.ndarray]


class RemoteScene:
    """A `Scene` that a suite's process simulates.

    Its process is started at once, and again by the first `reset` after it was lost.

    Args:
        suite: the process.
        robot: that stands in the scene.
        tasks: the suite's, in its order.
        options: of the scene.
    """

    def __init__(
        self,
        suite: SuiteProcess,
        robot: RobotModel,
        tasks: Sequence[SuiteTask],
        options: Mapping[str, Any],
    ) -> None:
        self.robot, self._tasks = robot, tuple(tasks)
        self._number = {text: n for n, task in enumerate(tasks) for text in task.texts}
        self._start = lambda: SceneProcess(suite, options)
        self._process: SceneProcess | None = self._start()
        self.timestep_s = self._process.timestep_s

    def reset(self, seed: int, task: int | None = None) -> Instruction:
        """A new scene, in a new process where the last one was lost.

        Args:
            task: its number in the suite's order; None: the seed chooses.
        """
        if self._process is None:
            self._process = self._start()
        state = self._ask("reset", seed=seed, task=task)
        self.instruction = self._tasks[state["told"]].instruction
        self._take(*(state[name] for name in Played._fields[:-1]))
        return self.instruction

    def set_targets(self, position: np.ndarray) -> None:
        """Command `(dof,)` with the next step."""
        self._targets = np.array(position, float)

    def step(self, duration_s: float) -> None:
        """Let time pass: a request and its answer."""
        self.play(self._targets[None], duration_s)

    def play(self, actions: np.ndarray, period_s: float, cameras: Sequence[str] = ()) -> Played:
        """Command one action after the other, in one request.

        Args:
            actions: `(steps, dof)`, at least one.
            period_s: how long each is held [s].
            cameras: that draw at the end.
        """
        answer = self._ask("play", actions=actions, period_s=period_s, cameras=list(cameras))
        played = Played(**answer)
        self._take(*(rows[-1] for rows in played[:-1]))
        return played

    def advise(self) -> np.ndarray:
        """`(dof,)` that the suite's own expert would command now, where it serves one."""
        return self._ask("advise")["action"]

    def play_advised(self, period_s: float) -> Iterator[None]:
        """The suite's own expert acts; gives back after each of its commands.

        Args:
            period_s: how long each is held [s].
        """
        while True:
            self.play(self.advise()[None], period_s)
            yield

    def render(self, camera: str) -> np.ndarray:
        """A picture of now."""
        return self._ask("render", camera=camera)["picture"]

    def intrinsics(self, camera: str) -> np.ndarray:
        """`(3, 3)` of a camera."""
        return self._ask("intrinsics", camera=camera)["matrix"]

    @property
    def position(self) -> np.ndarray:
        """`(dof,)`."""
        return self._position.copy()

    @property
    def velocity(self) -> np.ndarray:
        """`(dof,)`."""
        return self._velocity.copy()

    @property
    def targets(self) -> np.ndarray:
        """`(dof,)`, the newest."""
        return self._targets.copy()

    @property
    def success(self) -> bool:
        """Whether what was told is done."""
        return self.success_of(self.instruction)

    def success_of(self, instruction: Instruction) -> bool:
        """Whether a task is done here."""
        number = self._number.get(instruction.text)
        return number is not None and bool(self._done[number])

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def _ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        if self._process is None:
            raise SceneLostError("the scene's process was lost: reset the scene")
        try:
            return self._process.ask(do, **arguments)
        except BaseException:  # its answer may still come: it cannot be asked again
            self._process.end()
            self._process = None
            raise

    def _take(
        self,
        time_s: float,
        position: np.ndarray,
        velocity: np.ndarray,
        targets: np.ndarray,
        done: np.ndarray,
    ) -> None:
        self.time_s = float(time_s)
        self._position, self._velocity = position, velocity
        self._targets, self._done = targets, done
