"""What every simulation by MuJoCo answers alike: its time, its steps, its cameras."""

from __future__ import annotations

import mujoco
import numpy as np


class MujocoSimulation:
    """A base for scenes.

    Attributes:
        model, data: MuJoCo's.
    """

    model: mujoco.MjModel
    data: mujoco.MjData
    _owed_s = 0.0

    @property
    def timestep_s(self) -> float:
        """Physics' own step [s]."""
        return self.model.opt.timestep

    @property
    def time_s(self) -> float:
        """Simulated time since the reset [s]."""
        return self.data.time

    def steps_of(self, duration_s: float) -> int:
        """Physics' own steps in a time; what is left over of it is counted the next time."""
        self._owed_s += duration_s
        steps = int(self._owed_s / self.timestep_s + 1e-6)
        self._owed_s -= steps * self.timestep_s
        return steps

    def pinhole(self, camera: str, height: int, width: int) -> np.ndarray:
        """`(3, 3)` matrix of a camera's pictures [pixels]; square pixels, their centres are whole
        numbers.
        """
        focal = height / 2 / np.tan(np.radians(self.model.camera(camera).fovy[0]) / 2)
        return np.array(
            [[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]]
        )


def plain_renderer(model: mujoco.MjModel, height: int, width: int) -> mujoco.Renderer:
    """Draws pictures of a size, without shadows and reflections."""
    made = mujoco.Renderer(model, height, width)
    for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
        made.scene.flags[flag] = False
    return made
