"""The same suite with somebody who shows it: demonstrations, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from pointing_suite import CAMERA, GOALS, ROBOT, SIDE, PointingScene, PointingSuite

from vla_core.contract.episode import Episode
from vla_core.contract.suite import SuiteTask
from vla_core.robot.model import RobotModel

FRAMES = 12
#: How fast somebody points, at least and at most [rad/s]; who is slow does not get there.
SPEEDS = (0.1, 0.6)


class ShownPointingSuite(PointingSuite):
    """Shown by its own robot at ten frames a second."""

    robot = str(ROBOT)
    rate_hz = 10.0

    def demonstrator(
        self,
        robot: RobotModel,
        image_size: int | None = None,
        cameras: Sequence[str] | None = None,
    ) -> PointingExpert:
        return PointingExpert(robot, image_size or SIDE)


class PointingExpert:
    """Points, and then comes back from where it was pushed."""

    def __init__(self, robot: RobotModel, image_size: int) -> None:
        self._scene, self._size = PointingScene(robot), image_size

    def demonstrate(self, seed: int, task: SuiteTask | None = None) -> Iterator[Episode]:
        rng = np.random.default_rng((seed, 5))
        self._begin(seed, task)
        whole = self._point(rng.uniform(*SPEEDS))
        if not self._scene.success:
            return
        yield whole
        self._begin(seed, task)
        self._scene.set_targets(self._scene.position + (rng.uniform(-0.2, 0.2), 0.0))
        self._scene.step(0.5)
        yield self._point(SPEEDS[1])

    def _begin(self, seed: int, task: SuiteTask | None) -> None:
        self._scene.reset(seed, None if task is None else task.instruction.id - 1)

    def _point(self, speed: float) -> Episode:
        scene = self._scene
        goal = GOALS[scene.instruction.text.split()[-1]]
        images, position, action, success = [], [], [], []
        target = scene.position
        for _ in range(FRAMES):
            picture = scene.render(CAMERA)
            images.append(cv2.resize(picture, (self._size, self._size), interpolation=cv2.INTER_AREA))
            position.append(scene.position)
            success.append(scene.success)
            target[0] += np.clip(goal - target[0], -speed / 10, speed / 10)
            action.append(target.copy())
            scene.set_targets(target)
            scene.step(0.1)
        return Episode(
            {CAMERA: np.stack(images)}, np.stack(position), np.stack(action),
            scene.instruction.text, 10.0, success=np.array(success),
        )  # fmt: skip

    def close(self) -> None:
        self._scene.close()
