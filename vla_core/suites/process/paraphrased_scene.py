"""A scene of another process, told in the words of its tasks or in others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vla_core.contract.suite import SuiteTask
from vla_core.robot.model import RobotModel
from vla_core.suites.process.remote_scene import RemoteScene
from vla_core.suites.process.suite_process import SuiteProcess
from vla_core.types import Instruction


class ParaphrasedScene(RemoteScene):
    """The arguments are `RemoteScene`'s.

    Args:
        paraphrased: whether tasks are told in one of their paraphrases, which the seed chooses.
    """

    def __init__(
        self,
        suite: SuiteProcess,
        robot: RobotModel,
        tasks: Sequence[SuiteTask],
        options: Mapping[str, Any],
        paraphrased: bool,
    ) -> None:
        super().__init__(suite, robot, tasks, options)
        self._others = {task.instruction.text: task.paraphrases for task in tasks}
        self._paraphrased = paraphrased

    def reset(self, seed: int, task: int | None = None) -> Instruction:
        """A new scene, and what is told in it."""
        told = super().reset(seed, task)
        if self._paraphrased:
            others = self._others[told.text]
            chosen = others[np.random.default_rng(seed).integers(len(others))]
            self.instruction = replace(told, text=chosen)
        return self.instruction
