"""LIBERO's tasks and task sets."""

from __future__ import annotations

from pathlib import Path

import yaml

from vla_core.contract.suite import SuiteTask
from vla_core.types import Instruction

#: By the benchmark's name of the suite, then of the task; numbered from 1, within a suite.
TASKS: dict[str, dict[str, SuiteTask]] = {}


def told(name: str) -> str:
    """Its instruction: the benchmark's rule, which leaves out the scene at the front of a name."""
    words = name.split("_")
    scenes = [place for place, word in enumerate(words) if word.startswith("SCENE")]
    return " ".join(words[scenes[0] + 1 :] if scenes else words)


for _suite, _names in yaml.safe_load((Path(__file__).parent / "tasks.yaml").read_text()).items():
    TASKS[_suite] = {
        name: SuiteTask(Instruction(number, told(name)), (other,) if other else ())
        for number, (name, other) in enumerate(_names.items(), 1)
    }
