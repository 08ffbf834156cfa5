"""Episodes of a suite's own expert, in the place of a policy: what can be done at all."""

from __future__ import annotations

from typing import Any

from vla_core.contract.abilities import Exemplary
from vla_core.contract.scene import Scene
from vla_core.contract.suite import terms_of
from vla_core.errors import ConfigError
from vla_core.evaluation.episode import EpisodeResult, published_success, with_restarts
from vla_core.evaluation.intent_mode import IntentMode
from vla_core.evaluation.motion_watch import STOOD, MotionWatch
from vla_core.evaluation.settings import EXPERT, EvaluationSettings
from vla_core.evaluation.viewer import EpisodeViewer
from vla_core.robot.model import RobotModel
from vla_core.suites.registry import check_shift, load_suite
from vla_core.types import NANOSECONDS

#: Times are sums of a simulation's steps [s].
_ROUNDING_S = 1e-6


class ExemplarRunner:
    """Runs episodes of the expert in one scene, on the same seeds as a policy's.

    Args:
        suite: that offers it.
        scene: of the suite.
        settings: of its episodes.
    """

    def __init__(self, suite: Exemplary, scene: Scene, settings: EvaluationSettings) -> None:
        self._scene, self._settings = scene, settings
        self._attempt = suite.exemplar(scene)

    def close(self) -> None:
        """Let go of the scene's renderer."""
        self._scene.close()

    def run(self, seed: int, viewer: EpisodeViewer | None = None) -> EpisodeResult:
        """Run the episode of `seed`; where its scene is lost it begins anew, as a policy's does.

        Args:
            viewer: sees it; changes nothing.

        Raises:
            SceneLostError: it was lost once more than `RESTARTS` times.
        """
        return with_restarts(self._run, seed, viewer or EpisodeViewer())

    def _run(self, seed: int, viewer: EpisodeViewer) -> EpisodeResult:
        scene, settings = self._scene, self._settings
        told = scene.reset(seed, settings.task(seed))
        viewer.begin(seed, told)
        watch, moved, success = MotionWatch(), False, False
        watch.tick(0, scene.targets)
        undone_s = scene.time_s
        for _ in self._attempt():
            now_s, moved = scene.time_s, True
            now_ns = round(now_s * NANOSECONDS)
            viewer.ticked(now_ns, scene)
            watch.tick(now_ns, scene.targets)
            if not scene.success_of(told):
                undone_s = now_s
            success = now_s - undone_s > settings.settle_s - _ROUNDING_S
            if success or now_s > settings.time_limit_s - _ROUNDING_S:
                break
        return EpisodeResult(
            seed=seed,
            instruction=told.text,
            success=success,
            duration_s=round(scene.time_s, 3) if success else settings.time_limit_s,
            motion=watch.quality() if moved else STOOD,
            published_success=published_success(scene),
        )


def check_exemplar(settings: EvaluationSettings) -> None:
    """Refuse here what every worker would refuse.

    Raises:
        ConfigError: the suite has no expert, or not for what is asked.
    """
    suite = load_suite(settings.suite, Exemplary)
    check_shift(settings.suite, suite, settings.shift)
    asked: dict[str, Any] = {
        "intent": (settings.intent, IntentMode.PREDICTED),
        "operator": (settings.operator, ""),
        "filtered": (settings.filtered, terms_of(suite).filtered),
    }
    for name, (got, expected) in asked.items():
        if got != expected:
            raise ConfigError(
                f"--policy {EXPERT}",
                f"acts by the suite's own terms: got {name}={got!r}, expected {expected!r}",
            )


def load_exemplar(settings: EvaluationSettings) -> ExemplarRunner:
    """The suite's expert in a scene of it, with the robot that it names."""
    suite = load_suite(settings.suite, Exemplary)
    scene = suite.scene(RobotModel.load(suite.robot), settings.shift)
    return ExemplarRunner(suite, scene, settings)
