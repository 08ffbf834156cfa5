"""Demonstrations by oracles: whole tasks of LIBERO-Object, in the benchmark's own actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from vla_core.contract.episode import Episode
from vla_core.contract.suite import SuiteTask
from vla_core.observation.picture_size import squared
from vla_core.suites.libero.terms import HORIZONS, STEP_S
from vla_core.suites.process.paraphrased_scene import ParaphrasedScene

#: It is shown for so long after what was carried lies where it is to be, and is let go [steps].
AFTER_SUCCESS = 10
_GRIPPER = 6


class LiberoDemonstrator:
    """Shows scenes of its own, one after the other.

    Args:
        scene: whose oracles are asked.
        tasks: the suite's, in its order.
        cameras: that are recorded.
        image_size: side of the pictures [pixels]; None: as the scene draws them.
    """

    def __init__(
        self,
        scene: ParaphrasedScene,
        tasks: Sequence[SuiteTask],
        cameras: Sequence[str],
        image_size: int | None = None,
    ) -> None:
        self._scene, self._tasks, self._cameras = scene, tuple(tasks), tuple(cameras)
        self._image_size = image_size

    def demonstrate(self, seed: int, task: SuiteTask | None = None) -> Iterator[Episode]:
        """The scene of a seed, from its start until some steps after its success; no recoveries.

        Nothing where the oracle takes longer than the benchmark gives.
        """
        scene = self._scene
        told = scene.reset(seed, None if task is None else self._tasks.index(task))
        images: dict[str, list[np.ndarray]] = {camera: [] for camera in self._cameras}
        position, action, success = [], [], []
        done = 0
        while len(action) < HORIZONS["libero_object"] and done < AFTER_SUCCESS:
            for camera, frames in images.items():
                frames.append(squared(scene.render(camera), self._image_size))
            position.append(scene.position)
            success.append(scene.success)
            action.append(scene.advise())
            scene.play(action[-1][None], STEP_S)
            done = done + 1 if success[-1] and action[-1][_GRIPPER] < 0.0 else 0
        if success[-1]:
            yield Episode(
                {camera: np.stack(frames) for camera, frames in images.items()},
                np.stack(position),
                np.stack(action),
                told.text,
                1.0 / STEP_S,
                success=np.array(success),
            )

    def close(self) -> None:
        """End the scene's process."""
        self._scene.close()
