"""What a policy costs: latency of both systems, parameters, training, data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import safe_open

from vla_core.contract.manifest import PolicyManifest
from vla_core.evaluation.evaluate import load_runner
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.evaluation.viewer import EpisodeViewer
from vla_core.statistics.quantiles import quantiles
from vla_core.types import LatentIntent

#: Inferences that are left out: the first ones allocate.
_WARM_UP = 2


class Stopwatch(EpisodeViewer):
    """How long both systems take on the wall [ms]."""

    def __init__(self) -> None:
        self.system2_ms: list[float] = []
        self.system1_ms: list[float] = []

    def intended(self, now_ns: int, intent: LatentIntent, took_s: float) -> None:
        """Note System 2's."""
        self.system2_ms.append(1e3 * took_s)

    def inferred(self, now_ns: int, took_s: float) -> None:
        """Note System 1's."""
        self.system1_ms.append(1e3 * took_s)


def latencies(settings: EvaluationSettings, seeds: Sequence[int]) -> dict[str, Any]:
    """Of both systems, strategy included, in episodes that run alone in this process.

    Raises:
        VlaError: the policy cannot be loaded, or does not take an episode's instruction.
    """
    if settings.folder is None:
        return dict.fromkeys(("system2_ms", "system1_ms"), quantiles([]))
    watch, runner = Stopwatch(), load_runner(settings)
    try:
        for seed in seeds:
            runner.run(seed, watch)
    finally:
        runner.close()
    return {
        "system2_ms": quantiles(watch.system2_ms[_WARM_UP:]),
        "system1_ms": quantiles(watch.system1_ms[_WARM_UP:]),
    }


def told_costs(settings: EvaluationSettings) -> dict[str, Any]:
    """What its manifest and its weights tell: parameters, training, data; None where they do not."""
    folder = settings.folder
    told = PolicyManifest.load(folder).provenance if folder else {}
    return {
        "parameters": parameters(folder) if folder else None,
        "training_min": told.get("training_minutes"),
        "demonstrations": told.get("demonstrations"),
    }


def parameters(folder: Path) -> int | None:
    """Numbers in its weights; None where it has no safetensors."""
    shapes = []
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "numpy") as weights:
            shapes += [weights.get_slice(name).get_shape() for name in weights.keys()]
    return sum(map(math.prod, shapes)) or None
