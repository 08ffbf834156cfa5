"""LIBERO's cameras, right side up; and as published policies were shown them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np

from libero_scene.world import World

#: Ours -> the benchmark's.
CAMERAS = {"front": "agentview", "wrist": "robot0_eye_in_hand"}


class Renderer:
    """Draws one simulation, shadows and all, as the benchmark does.

    Args:
        world: what is seen.
        cameras: height and width of each one's pictures [pixels].
        mirrored: left for right, as published policies are shown it: the benchmark hands its
            pictures out bottom row first, and they turn these by half a turn.
    """

    def __init__(
        self, world: World, cameras: Mapping[str, Sequence[int]], mirrored: bool
    ) -> None:
        self._world, self._sizes, self._mirrored = world, cameras, mirrored

    def picture(self, camera: str) -> np.ndarray:
        """`(height, width, 3)` uint8 RGB."""
        height, width = self._sizes[camera]
        sim = self._world.env.sim
        upright = sim.render(width=width, height=height, camera_name=CAMERAS[camera])[::-1]
        return np.ascontiguousarray(upright[:, ::-1] if self._mirrored else upright)

    def intrinsics(self, camera: str) -> np.ndarray:
        """`(3, 3)`; square pixels, their centres are whole numbers. No pinhole draws a mirror's."""
        if self._mirrored:
            raise ValueError("pictures are mirrored: no pinhole camera draws them")
        height, width = self._sizes[camera]
        fovy = np.radians(self._world.model.camera(CAMERAS[camera]).fovy[0])
        focal = height / 2 / np.tan(fovy / 2)
        return np.array(
            [[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]]
        )
