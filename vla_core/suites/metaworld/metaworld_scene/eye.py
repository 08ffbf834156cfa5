"""MetaWorld's cameras, upright and without shadows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np

#: Ours -> MetaWorld's, and whether it hangs upside down. `corner4` is where LeRobot puts `corner2`.
CAMERAS = {"front": ("corner4", True), "side": ("corner", True), "wrist": ("gripperPOV", False)}


class Eye:
    """Draws one simulation.

    Args:
        cameras: height and width of each one's pictures [pixels].
    """

    def __init__(
        self, model: mujoco.MjModel, data: mujoco.MjData, cameras: Mapping[str, Sequence[int]]
    ) -> None:
        model.vis.quality.offsamples = 0
        self._model, self._data, self._sizes = model, data, cameras
        self._renderers: dict[tuple[int, int], mujoco.Renderer] = {}

    def picture(self, camera: str) -> np.ndarray:
        """`(height, width, 3)` uint8 RGB."""
        name, turned = CAMERAS[camera]
        renderer = self._renderer(tuple(self._sizes[camera]))
        renderer.update_scene(self._data, name)
        drawn = renderer.render()
        return np.ascontiguousarray(drawn[::-1, ::-1]) if turned else drawn

    def intrinsics(self, camera: str) -> np.ndarray:
        """`(3, 3)`; square pixels, their centres are whole numbers."""
        height, width = self._sizes[camera]
        fovy = np.radians(self._model.camera(CAMERAS[camera][0]).fovy[0])
        focal = height / 2 / np.tan(fovy / 2)
        return np.array(
            [[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]]
        )

    def close(self) -> None:
        """Free the renderers."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def _renderer(self, size: tuple[int, int]) -> mujoco.Renderer:
        if size not in self._renderers:
            made = self._renderers[size] = mujoco.Renderer(self._model, *size)
            for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
                made.scene.flags[flag] = False
        return self._renderers[size]
