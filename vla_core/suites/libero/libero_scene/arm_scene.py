"""LIBERO's tasks as a `ServedScene`."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from libero_scene.end_effector_control import EndEffectorControl
from libero_scene.initial_state import initial_state
from libero_scene.joint_control import JointControl
from libero_scene.oracle import Oracle
from libero_scene.renderer import Renderer
from libero_scene.world import World
from vla_suite_server.scene import State

#: Time that things are given to fall before an episode begins, as published evaluations do [s].
WAIT_S = 0.5


def open_scene(
    folder: str,
    tasks: Sequence[str],
    instructions: Sequence[str],
    cameras: Mapping[str, Sequence[int]],
    joints: bool,
    official: bool = True,
    mirrored: bool = False,
) -> ArmScene:
    """A scene.

    Args:
        folder: the benchmark's name of the suite.
        tasks: the benchmark's names of its tasks, in the suite's order.
        instructions: what each is told in; some have the same words, in other scenes.
        cameras: height and width of each one's pictures [pixels].
        joints: whether joints are commanded, else the benchmark's own actions.
        official: whether scenes begin in the benchmark's initial states, else where its tasks say
            that things may be, by seed.
        mirrored: whether left is right in pictures, as published policies are shown them.
    """
    return ArmScene(folder, tasks, instructions, cameras, joints, official, mirrored)


class ArmScene:
    """The arguments are `open_scene`'s."""

    def __init__(
        self,
        folder: str,
        tasks: Sequence[str],
        instructions: Sequence[str],
        cameras: Mapping[str, Sequence[int]],
        joints: bool,
        official: bool,
        mirrored: bool,
    ) -> None:
        self._folder, self._tasks, self._words = folder, tuple(tasks), np.array(instructions)
        self._cameras, self._official, self._mirrored = dict(cameras), official, mirrored
        self._kind = JointControl if joints else EndEffectorControl
        self._step_s = 1.0 / self._kind.rate_hz
        self._task, self._now = -1, None
        self._enter(0)
        self.timestep_s = float(self._now.world.model.opt.timestep)

    def reset(self, seed: int, task: int | None) -> int:
        """A new scene; tasks take turns, by seed, and within a task its initial states do."""
        self._enter(seed % len(self._tasks) if task is None else task)
        now = self._now
        state = initial_state(seed, task is None, len(self._tasks), len(now.world.states))
        now.world.reset(seed, state if self._official else None)
        waiting = now.control.waiting()
        for _ in range(round(WAIT_S / self._step_s)):
            now.control.step(waiting)
        if now.oracle is not None:
            now.oracle.begin()
        self._command, self._owed_s, self._time_s = waiting, 0.0, 0.0
        self._measured = self._was = now.control.measured()
        return self._task

    def act(self, action: np.ndarray, duration_s: float) -> None:
        """Whole steps of the control's; a part that is left over is run with the next call."""
        self._command = np.array(action, float)
        self._owed_s += duration_s
        steps = int(self._owed_s / self._step_s + 1e-6)
        self._owed_s -= steps * self._step_s
        for _ in range(steps):
            self._now.control.step(self._command)
            self._time_s += self._step_s
            self._was, self._measured = self._measured, self._now.control.measured()
            if self._now.oracle is not None:
                self._now.oracle.look()

    def state(self) -> State:
        """As it is now; what is told in the same words is the same task in this scene."""
        done = (self._words == self._words[self._task]) & self._now.world.success
        speed = (self._measured - self._was) / self._step_s
        return State(self._time_s, self._measured, speed, self._command, done)

    def advise(self) -> np.ndarray:
        """The oracle's command, where the task has one."""
        if self._now.oracle is None:
            raise ValueError(f"no oracle does {self._tasks[self._task]!r}")
        return self._now.control.towards(self._now.oracle.goal(), self._command)

    def render(self, camera: str) -> np.ndarray:
        """A picture of now."""
        return self._now.renderer.picture(camera)

    def intrinsics(self, camera: str) -> np.ndarray:
        """`(3, 3)`."""
        return self._now.renderer.intrinsics(camera)

    def close(self) -> None:
        """Free the simulation."""
        if self._now is not None:
            self._now.world.close()
            self._now = None
            gc.collect()  # robosuite's objects hold each other

    def _enter(self, task: int) -> None:
        """One task is kept, the newest: each takes most of a gigabyte."""
        if task != self._task:
            self.close()
            self._task, self._now = task, self._make(self._tasks[task])

    def _make(self, task: str) -> _Simulated:
        world = World(self._folder, task, self._kind.controller(), self._kind.rate_hz)
        renderer = Renderer(world, self._cameras, self._mirrored)
        oracle = Oracle(world, self._step_s) if self._folder == "libero_object" else None
        return _Simulated(world, self._kind(world), renderer, oracle)


class _Simulated(NamedTuple):
    """One task's simulation, and what works on it."""

    world: World
    control: EndEffectorControl | JointControl
    renderer: Renderer
    oracle: Oracle | None
