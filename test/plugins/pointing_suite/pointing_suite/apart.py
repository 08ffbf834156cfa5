"""The same suite in a process of its own; and with a fault in it, told by an environment variable."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
from pointing_suite import ROBOT, PointingSuite

from vla_core.contract.suite import USUAL
from vla_core.robot.model import RobotModel
from vla_core.suites import own_scene
from vla_core.suites.own_scene import OwnScene, open_scene
from vla_core.suites.process.remote_scene import RemoteScene
from vla_core.suites.process.suite_process import SuiteProcess

#: Arguments of `FaultyScene` as JSON.
FAULT_VARIABLE = "POINTING_FAULT"


class ApartPointingSuite(PointingSuite):
    """Simulated there."""

    process = SuiteProcess("pointing_apart", own_scene.ENTRY)

    def scene(self, robot: RobotModel, shift: str = USUAL) -> RemoteScene:
        return RemoteScene(self.process, robot, self.tasks, self._options(shift))

    def _options(self, shift: str) -> dict[str, str]:
        return {"suite": "pointing", "robot": str(ROBOT), "shift": shift}


class FaultyPointingSuite(ApartPointingSuite):
    """Simulated there, up to a fault."""

    process = SuiteProcess(
        "pointing_faulty", "pointing_suite.apart:open_faulty", start_s=60.0, answer_s=10.0
    )

    def _options(self, shift: str) -> dict[str, object]:
        return super()._options(shift) | json.loads(os.environ[FAULT_VARIABLE])


def open_faulty(fault: str, seed: int, act: int, once: str, **options: str) -> FaultyScene:
    """The scene of `options` with a fault."""
    return FaultyScene(open_scene(**options), fault, seed, act, once)


class FaultyScene:
    """Is killed, hangs or raises at an act of a seed's episode.

    Args:
        fault: `killed`, `hung` or `raised`.
        once: file that is left by the first time, after which nothing happens any more; empty: every
            time.
    """

    def __init__(self, scene: OwnScene, fault: str, seed: int, act: int, once: str) -> None:
        self._scene, self._fault, self._at, self._once = scene, fault, (seed, act), once
        self.timestep_s, self.state, self.close = scene.timestep_s, scene.state, scene.close
        self.render, self.intrinsics = scene.render, scene.intrinsics

    def reset(self, seed: int, task: int | None) -> int:
        self._now = (seed, 0)
        return self._scene.reset(seed, task)

    def act(self, action: np.ndarray, duration_s: float) -> None:
        self._now = (self._now[0], self._now[1] + 1)
        if self._now == self._at and not (self._once and Path(self._once).exists()):
            self._fail()
        self._scene.act(action, duration_s)

    def _fail(self) -> None:
        if self._once:
            Path(self._once).touch()
        print(f"{self._fault} at act {self._at[1]}", flush=True)
        if self._fault == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self._fault == "hung":
            signal.pause()
        raise ArithmeticError("the arm is in pieces")
