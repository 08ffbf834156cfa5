"""MetaWorld's tasks as a `ServedScene`: the hand is told where to go, the gripper how hard to hold.

MetaWorld has no joint commands: its action moves a mocap body by a centimetre a step and axis, at
most; the hand is welded to that, and the arm follows. So a command here is where that body is to
be; the action is what is missing to it, cut off as the benchmark does it.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.policies import ENV_POLICY_MAP
from metaworld.sawyer_xyz_env import SawyerXYZEnv

from metaworld_scene.eye import Eye
from vla_suite_server.scene import State

#: What LeRobot makes the benchmark's goals from, and takes the first of.
FIXED_SEED = 42
#: Tasks whose simulation is kept: MT10's.
_KEPT = 10
#: An episode may be as long as it is asked for; the benchmark raises after step 500.
_NO_LIMIT = 10**9


def open_scene(
    tasks: Sequence[str], cameras: Mapping[str, Sequence[int]], fixed: bool = False
) -> HandScene:
    """A scene.

    Args:
        tasks: the benchmark's names, in the suite's order.
        cameras: height and width of each one's pictures [pixels].
        fixed: whether objects and goals are always at LeRobot's places, else where the seed says.
    """
    warnings.filterwarnings("ignore", "Constant")  # of the oracles: their steps are cut off
    return HandScene(tasks, cameras, fixed)


class HandScene:
    """Positions are `(4,)`: x, y, z of the hand [m], and the gripper: -1 open, 1 closed.

    The gripper's command is an effort from -1, opening, to 1, closing; what it measures is how far
    the fingers are closed.
    """

    def __init__(
        self, tasks: Sequence[str], cameras: Mapping[str, Sequence[int]], fixed: bool
    ) -> None:
        if unknown := [name for name in tasks if name not in ALL_V3_ENVIRONMENTS]:
            raise ValueError(f"MetaWorld has no task {', '.join(unknown)}")
        self._tasks, self._cameras, self._fixed = tuple(tasks), dict(cameras), fixed
        self._made: OrderedDict[int, _World] = OrderedDict()
        self._enter(0)
        self.timestep_s = float(self._world.env.model.opt.timestep)

    def reset(self, seed: int, task: int | None) -> int:
        """A new scene; without a task the tasks take turns, by seed."""
        self._enter(seed % len(self._tasks) if task is None else task)
        self._world.reset(seed)
        self._owed_s, self._step_s = 0.0, float(self._world.env.dt)
        self._time_s, self._success = 0.0, False
        self._measured = self._was = self._measure()
        self._command = np.array([*self._mocap, -1.0])
        return self._task

    def act(self, action: np.ndarray, duration_s: float) -> None:
        """Whole steps of the benchmark's; a part that is left over is run with the next call."""
        self._command = np.array(action, float)
        self._owed_s += duration_s
        steps = int(self._owed_s / self._step_s + 1e-6)
        self._owed_s -= steps * self._step_s
        for _ in range(steps):
            move = (self._command[:3] - self._mocap) / self._world.env.action_scale
            told = np.clip([*move, self._command[3]], -1.0, 1.0).astype(np.float32)
            self._success = self._world.step(told)
            self._time_s += self._step_s
            self._was, self._measured = self._measured, self._measure()

    def state(self) -> State:
        """As it is now; `done` says what the benchmark called the last step."""
        done = np.zeros(len(self._tasks), bool)
        done[self._task] = self._success
        speed = (self._measured - self._was) / self._step_s
        return State(self._time_s, self._measured, speed, self._command, done)

    def advise(self) -> np.ndarray:
        """The oracle's command, `(4,)`: where its action would move the mocap body."""
        env = self._world.env
        wanted = np.clip(self._world.advise(), -1.0, 1.0).astype(float)
        to = self._mocap + wanted[:3] * env.action_scale
        return np.array([*np.clip(to, env.mocap_low, env.mocap_high), wanted[3]])

    def render(self, camera: str) -> np.ndarray:
        """A picture of now, upright."""
        return self._world.eye.picture(camera)

    def intrinsics(self, camera: str) -> np.ndarray:
        """`(3, 3)`."""
        return self._world.eye.intrinsics(camera)

    def close(self) -> None:
        """Free all simulations."""
        while self._made:
            self._made.popitem()[1].close()

    @property
    def _mocap(self) -> np.ndarray:
        return self._world.env.data.mocap_pos[0].copy()

    def _measure(self) -> np.ndarray:
        hand, opening = np.split(self._world.seen[:4], [3])
        return np.array([*hand, 1.0 - 2.0 * opening[0]])

    def _enter(self, task: int) -> None:
        if task not in self._made:
            self._made[task] = _World(self._tasks[task], self._cameras, self._fixed)
        self._made.move_to_end(task)
        if len(self._made) > _KEPT:
            self._made.popitem(last=False)[1].close()
        self._task, self._world = task, self._made[task]


class _World:
    """One task's simulation, its oracle, its cameras.

    Attributes:
        env: the benchmark's.
        seen: `(39,)` what its oracle is shown.
    """

    def __init__(self, task: str, cameras: Mapping[str, Sequence[int]], fixed: bool) -> None:
        self._kind = ALL_V3_ENVIRONMENTS[task]
        self._oracle = ENV_POLICY_MAP[task]()
        self._place = _fixed_place(self._kind) if fixed else None
        self.env = _made(self._kind)
        self.env._partially_observable = False  # else the oracle is told a goal of 0
        del self.env.sawyer_observation_space  # kept from before: with a goal of 0, too
        self.env.seeded_rand_vec = True
        self.env.max_path_length = _NO_LIMIT
        if self._place is not None:
            self.env._freeze_rand_vec, self.env._last_rand_vec = True, self._place
        self.eye = Eye(self.env.model, self.env.data, cameras)

    def reset(self, seed: int) -> None:
        """Objects and goals where the seed has them."""
        self.env.seed(seed)  # what `reset` is told is ignored
        self.seen, _ = self.env.reset()

    def step(self, action: np.ndarray) -> bool:
        """A step of the benchmark's; whether it calls that a success."""
        self.seen, _, _, _, told = self.env.step(action)
        return bool(told["success"])

    def advise(self) -> np.ndarray:
        return self._oracle.get_action(self.seen)

    def close(self) -> None:
        self.eye.close()
        self.env.close()


def _made(kind: type[SawyerXYZEnv]) -> SawyerXYZEnv:
    """A simulation that draws places anew at every reset."""
    env = kind()
    env._freeze_rand_vec, env._set_task_called = False, True
    return env


def _fixed_place(kind: type[SawyerXYZEnv]) -> np.ndarray:
    """What the first task of `MT1(seed=FIXED_SEED)` places things by, drawn as that draws it."""
    before = np.random.get_state()
    np.random.seed(FIXED_SEED)
    env = _made(kind)
    env.reset()
    np.random.set_state(before)
    place = env._last_rand_vec
    env.close()
    return place
