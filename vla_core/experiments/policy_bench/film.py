"""Episodes that are worth seeing, run once more and filmed: the best and the worst of a condition."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vla_core.contract.intent_view import IntentView
from vla_core.contract.scene import Scene
from vla_core.evaluation.episode import EpisodeResult
from vla_core.evaluation.evaluate import load_runner
from vla_core.evaluation.viewer import EpisodeViewer
from vla_core.experiments.policy_bench.conditions import Condition
from vla_core.policies.registry import load_view
from vla_core.report.episode_record import EpisodeRecord
from vla_core.report.episode_video import write_video
from vla_core.suites.registry import load_suite
from vla_core.types import NANOSECONDS, Instruction, LatentIntent

FRAMES_HZ = 12.0


class Film(EpisodeViewer):
    """Records an episode: the suite's cameras, and what the policy foresees.

    Args:
        cameras: that are filmed.
        view: shows the policy's intents; None: it has none.

    Attributes:
        record: of the newest episode.
    """

    def __init__(self, cameras: Sequence[str], view: IntentView | None) -> None:
        self._cameras, self._view = tuple(cameras), view
        self.record = EpisodeRecord(0, 0, "")

    def begin(self, seed: int, told: Instruction) -> None:
        """A new record."""
        self.record = EpisodeRecord(1, seed, told.text, self._cameras)

    def intended(self, now_ns: int, intent: LatentIntent, took_s: float) -> None:
        """Keep what the intent shows."""
        if intent.tensors:  # a joint policy forms its own with each chunk
            self.record.add_intent(now_ns / NANOSECONDS, self._view.show(intent))

    def ticked(self, now_ns: int, scene: Scene) -> None:
        """A frame, if one is due."""
        time_s, frames = now_ns / NANOSECONDS, self.record.frames
        if not frames or time_s - frames[-1][0] > 1 / FRAMES_HZ:
            frames.append((time_s, {name: scene.render(name) for name in self._cameras}))


def best_and_worst(results: Sequence[EpisodeResult]) -> dict[str, EpisodeResult]:
    """The fastest success, and a failure or else the slowest success; none that was refused."""
    run = (r for r in results if not r.refused)
    ranked = sorted(run, key=lambda r: (not r.success, r.duration_s, r.seed))
    return {"best": ranked[0], "worst": ranked[-1]} if ranked else {}


def film(condition: Condition, shown: dict[str, EpisodeResult], folder: Path) -> dict[str, Path]:
    """Videos of episodes; those that are there already are not made again.

    Args:
        shown: which, by what they are called.
        folder: of the MP4 files.
    """
    paths = {name: folder / f"{condition.key}_{r.seed}.mp4" for name, r in shown.items()}
    if all(path.exists() for path in paths.values()):
        return paths
    folder = condition.settings.folder
    view = None if folder is None else load_view(folder)
    watch = Film(load_suite(condition.suite).cameras, view)
    runner = load_runner(condition.settings)
    try:
        for name, path in paths.items():
            result = runner.run(shown[name].seed, watch)
            watch.record.success, watch.record.duration_s = result.success, result.duration_s
            write_video(watch.record, path)
    finally:
        runner.close()
    return paths
