"""A suite's scene of this environment, served: what crashes or leaks is kept out of our process."""

from __future__ import annotations

import numpy as np

from vla_core.contract.scene import Scene
from vla_core.contract.suite import USUAL, SuiteTask
from vla_core.robot.model import RobotModel
from vla_core.suites.process.vla_suite_server.scene import State
from vla_core.suites.registry import load_suite

#: For `SuiteProcess.entry`.
ENTRY = f"{__name__}:open_scene"


def open_scene(suite: str, robot: str, shift: str = USUAL) -> OwnScene:
    """A scene of a suite by name.

    Args:
        robot: name under `config/robots`, or a YAML.
    """
    loaded, model = load_suite(suite), RobotModel.load(robot)
    loaded.check_robot(model.description)
    return OwnScene(loaded.scene(model, shift), loaded.tasks)


class OwnScene:
    """A `Scene` as a `ServedScene`."""

    def __init__(self, scene: Scene, tasks: tuple[SuiteTask, ...]) -> None:
        self._scene, self._instructions = scene, tuple(task.instruction for task in tasks)
        self.timestep_s = scene.timestep_s
        self.render, self.intrinsics, self.close = scene.render, scene.intrinsics, scene.close

    def reset(self, seed: int, task: int | None) -> int:
        """A new scene; the number of what is told in it."""
        return self._instructions.index(self._scene.reset(seed, task))

    def act(self, action: np.ndarray, duration_s: float) -> None:
        """Set the targets, then let time pass."""
        self._scene.set_targets(action)
        self._scene.step(duration_s)

    def state(self) -> State:
        """As it is now."""
        scene = self._scene
        done = np.array([scene.success_of(instruction) for instruction in self._instructions])
        return State(scene.time_s, scene.position, scene.velocity, scene.targets, done)
