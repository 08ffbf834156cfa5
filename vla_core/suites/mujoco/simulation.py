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

    def seen_at(self, camera: str, points: np.ndarray) -> np.ndarray:
        """Where `(n, 3)` points [m] are in a camera's square picture: `(n, 2)` x, y in 0..1 of it.

        Outside of that what is beside the picture; nan what is behind the camera.
        """
        local = self.before(camera, points)
        half = np.tan(np.radians(self.model.camera(camera).fovy[0]) / 2)
        depth = np.where(local[:, 2:] > 0.0, local[:, 2:], np.nan)
        return 0.5 + 0.5 * local[:, :2] / depth / half

    def before(self, camera: str, points: np.ndarray) -> np.ndarray:
        """`(n, 3)` points of the base frame in a camera's optical frame, x right, y down, z ahead [m]."""
        eye = self.data.camera(camera)
        # MuJoCo looks along -z with y up.
        return (points - eye.xpos) @ eye.xmat.reshape(3, 3) * (1.0, -1.0, -1.0)


def plain_renderer(model: mujoco.MjModel, height: int, width: int) -> mujoco.Renderer:
    """Draws pictures of a size, without shadows and reflections."""
    made = mujoco.Renderer(model, height, width)
    for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
        made.scene.flags[flag] = False
    return made
