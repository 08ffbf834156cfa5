"""Demonstrations by the scripted expert, recoveries included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import mujoco
import numpy as np

from vla_core.contract.episode import Episode
from vla_core.contract.suite import SuiteTask
from vla_core.observation.depth import resized_depth, resized_intrinsics
from vla_core.robot.model import RobotModel
from vla_core.suites.tabletop.expert import CONTROL_S, Expert
from vla_core.suites.tabletop.layout import TASKS, Task, sample_layout
from vla_core.suites.tabletop.tabletop import CAMERAS, IMAGE_SIZE, RATE_HZ, TabletopSim

#: Demonstrations are given up after this time, and end this long after success [s].
TIME_LIMIT_S, AFTER_SUCCESS_S = 12.0, 1.6
#: Recoveries a demonstration, and how long each is recorded [s].
RECOVERIES, RECOVERY_S = 3, 2.4
#: Share of disturbances that put every joint of both arms off, as an operator leaves them; by how
#: much (standard deviation, and most) [rad]. The others carry the working hand off its way.
JOINTS_OFF, OFF_RAD, MOST_OFF_RAD = 0.5, 0.08, 0.2


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Camera picture to the policy's `(size, size, 3)`; the same for training and on the robot."""
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)


class Recorder:
    """Runs the expert and keeps what it saw and did.

    Args:
        sim, expert: the table and who acts at it.
        image_size: side of the kept pictures [pixels].
        cameras: that are kept.
        deep: whether their depth and intrinsics are kept, too.
    """

    def __init__(
        self,
        sim: TabletopSim,
        expert: Expert,
        image_size: int,
        cameras: Sequence[str] = CAMERAS,
        deep: bool = False,
    ) -> None:
        self.sim = sim
        self.expert = expert
        self.image_size = image_size
        self.cameras = tuple(cameras)
        self.deep_cameras = self.cameras if deep else ()

    def demonstrate(self, rng: np.random.Generator, task: Task | None = None) -> Iterator[Episode]:
        """One table from a random start to success, and recoveries from disturbances on the way.

        A disturbance itself is never recorded: no chunk's future may contain it.

        Args:
            task: what is done there; None: what the table tells.
        """
        self.sim.reset_to(sample_layout(rng, task), self.sim.robot.ready_pose)
        self.expert.reset()
        if rng.random() < 0.5:
            self._disturb(rng, 0.8)
        states: list[np.ndarray] = []
        whole = self._record(TIME_LIMIT_S, states)
        if not self.sim.success:
            return
        yield whole
        for start in rng.choice(len(states) - 10, RECOVERIES, replace=False):
            self._restore(states[start])
            self._disturb(rng, rng.uniform(0.2, 0.6))
            yield self._record(RECOVERY_S, [])

    def excursion(self, seconds: float) -> Episode:
        """What the expert would do from here for a while; the simulation is as before after it."""
        before, targets = self._snapshot(), self.sim.data.ctrl.copy()
        self.expert.reset()
        episode = self._record(seconds, [])
        self._restore(before)
        self.sim.data.ctrl[:] = targets
        return replace(episode, complete=False)

    def _record(self, limit_s: float, states: list) -> Episode:
        sim = self.sim
        images: dict[str, list[np.ndarray]] = {camera: [] for camera in self.cameras}
        depth: dict[str, list[np.ndarray]] = {camera: [] for camera in self.deep_cameras}
        position, action, success = [], [], []
        begin, done_at = sim.time_s, None
        drawn, kept = (IMAGE_SIZE, IMAGE_SIZE), (self.image_size, self.image_size)
        while sim.time_s - begin < limit_s:
            for camera, frames in images.items():
                frames.append(resize(sim.render(camera), self.image_size))
            for camera, frames in depth.items():
                frames.append(resized_depth(sim.render_depth(camera), *kept))
            states.append(self._snapshot())
            position.append(sim.position)
            success.append(done_at is not None)
            for tick in range(round(1.0 / (RATE_HZ * CONTROL_S))):
                command = self.expert.act()
                if tick == 0:
                    action.append(command.copy())
                sim.set_targets(command)
                sim.step(CONTROL_S)
            if done_at is None and sim.success:
                done_at = sim.time_s
            if done_at is not None and sim.time_s - done_at > AFTER_SUCCESS_S:
                break
        return Episode(
            {camera: np.stack(frames) for camera, frames in images.items()},
            np.stack(position),
            np.stack(action),
            sim.instruction.text,
            RATE_HZ,
            complete=done_at is not None and sim.time_s - begin < limit_s,
            depth={camera: np.stack(frames) for camera, frames in depth.items()},
            success=np.array(success),
            intrinsics={
                camera: resized_intrinsics(sim.intrinsics(camera), drawn, kept) for camera in depth
            },
        )

    def _disturb(self, rng: np.random.Generator, duration_s: float) -> None:
        disturb = self._put_off if rng.random() < JOINTS_OFF else self._carry
        disturb(rng, duration_s)

    def _put_off(self, rng: np.random.Generator, duration_s: float) -> None:
        """Bring each joint of both arms somewhere else, in a posture that the expert has not."""
        robot = self.sim.robot
        ends = robot.end_effectors.values()
        arms = np.concatenate([robot.group_indices(end.arm_group) for end in ends])
        off = np.clip(rng.normal(0.0, OFF_RAD, len(arms)), -MOST_OFF_RAD, MOST_OFF_RAD)
        command, steps = self.sim.position, round(duration_s / CONTROL_S)
        for _ in range(steps):
            command[arms] += off / steps
            self.sim.set_targets(np.clip(command, robot.limits.lower, robot.limits.upper))
            self.sim.step(CONTROL_S)
        self.expert.reset()

    def _carry(self, rng: np.random.Generator, duration_s: float) -> None:
        """Carry the working hand off its way at a random velocity, fingers too now and then."""
        sim, side = self.sim, self.sim.layout.side
        arm = self.expert.arms[side]
        hand = sim.robot.group_indices(sim.robot.end_effectors[side].hand_group)
        velocity = rng.normal(0.0, (0.12, 0.12, 0.06))
        command = sim.position
        fingers = command[hand] + (rng.uniform(-0.3, 0.3) if rng.random() < 0.3 else 0.0)
        for _ in range(round(duration_s / CONTROL_S)):
            here = arm.position(command)
            target = here + velocity * CONTROL_S
            target[2] = max(target[2], 0.02)
            command = arm.follow(command, target, arm.pointing(target))
            limits = sim.robot.limits
            command[hand] = np.clip(fingers, limits.lower[hand], limits.upper[hand])
            sim.set_targets(command)
            sim.step(CONTROL_S)
        self.expert.reset()

    def _snapshot(self) -> tuple:
        size = mujoco.mj_stateSize(self.sim.model, mujoco.mjtState.mjSTATE_INTEGRATION)
        state = np.empty(size)
        mujoco.mj_getState(
            self.sim.model, self.sim.data, state, mujoco.mjtState.mjSTATE_INTEGRATION
        )
        return state, dict(self.sim.held)

    def _restore(self, snapshot: tuple) -> None:
        state, held = snapshot
        sim = self.sim
        mujoco.mj_setState(sim.model, sim.data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
        sim.held = dict(held)
        mujoco.mj_forward(sim.model, sim.data)
        # It has moved on what the solver starts from, which is part of the state.
        mujoco.mj_setState(sim.model, sim.data, state, mujoco.mjtState.mjSTATE_INTEGRATION)


class TabletopDemonstrator:
    """Shows tables of its own, one after the other.

    Args:
        robot: that does it.
        image_size: side of the pictures [pixels]; None: as they are drawn.
        cameras: that pictures are of.
        deep: whether with depth.
    """

    def __init__(
        self,
        robot: RobotModel,
        image_size: int | None = None,
        cameras: Sequence[str] = CAMERAS,
        deep: bool = False,
    ) -> None:
        self._sim = TabletopSim(robot)
        expert, size = Expert(self._sim), image_size or IMAGE_SIZE
        self._recorder = Recorder(self._sim, expert, size, cameras, deep=deep)

    def demonstrate(self, seed: int, task: SuiteTask | None = None) -> Iterator[Episode]:
        """The table of a seed, and recoveries."""
        told = None if task is None else TASKS[task.instruction.id - 1]
        return self._recorder.demonstrate(np.random.default_rng((seed, 7)), told)

    def close(self) -> None:
        """Free the renderer."""
        self._sim.close()
