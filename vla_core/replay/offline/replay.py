"""A whole recording through the pipeline, and what comes of it."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from vla_core.contract.check_policy import check_policy
from vla_core.contract.protocol import DualSystem, FeatureEncoder
from vla_core.errors import PolicyError
from vla_core.metrics.action_scores import ActionScores
from vla_core.metrics.digests import Digests
from vla_core.metrics.execution_scores import JoinScores, StageTimes
from vla_core.metrics.foresight_scores import ForesightScores
from vla_core.metrics.joint_groups import joint_groups
from vla_core.metrics.listener import Listeners, ReplayListener
from vla_core.metrics.safety_counts import SafetyCounts
from vla_core.recordings.sources.recording import Event, ImageCame, Recording
from vla_core.replay.offline.episode_replay import EpisodeReplay
from vla_core.replay.offline.open_loop_executor import OpenLoopExecutor
from vla_core.replay.offline.settings import OfflineSettings
from vla_core.replay.offline.true_futures import TrueFutures
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.types import NANOSECONDS, ActionChunk, Instruction, Observation


class OfflineReplay:
    """Replays recordings of one robot with one policy.

    Args:
        robot: that the recording was made with.
        policy: what thinks and acts.
        settings: rates, delays, strategy.

    Raises:
        PolicyError: the policy does not fit the robot.
    """

    def __init__(self, robot: RobotModel, policy: DualSystem, settings: OfflineSettings) -> None:
        manifest = policy.system1.manifest
        if problems := check_policy(robot, manifest):
            raise PolicyError(f"policy {manifest.name} on robot {robot.name}", "; ".join(problems))
        self._robot = robot
        self._policy = policy
        self._settings = settings
        self._safety = CommandSafety.of(robot)

    def run(
        self,
        recording: Recording,
        progress: Callable[[], None] = lambda: None,
        listeners: Sequence[ReplayListener] = (),
    ) -> dict[str, Any]:
        """Replay every episode, none of which depends on another.

        Args:
            progress: called for every picture of the policy's first camera.
            listeners: told everything, beside the scores.

        Returns:
            What `vla replay --offline --json` writes; but for `latency_ms`, `encoder_ms`,
            `frames_per_s`, `times_real_time`, `wall_s` and `memory_mb` it is the same every time.
        """
        robot, policy = self._robot, self._policy
        groups = joint_groups(robot)
        encoder = policy.system2 if isinstance(policy.system2, FeatureEncoder) else None
        counted = _Frames(policy.system1.manifest.observation.cameras[0].name, progress)
        scores = (
            ActionScores(robot.joint_names, groups),
            ForesightScores(),
            SafetyCounts(groups),
            JoinScores(),
            StageTimes(),
            Digests(),
        )
        others = Listeners((counted, *scores, *listeners))
        told = Listeners((TrueFutures(policy.view, encoder, others), others))
        started_s, instructions = time.perf_counter(), []
        for number, episode in enumerate(recording.episodes(), 1):
            instruction = Instruction(number, self._settings.instruction or episode.instruction)
            instructions.append(instruction.text)
            EpisodeReplay(
                policy.system1,
                policy.system2,
                robot,
                OpenLoopExecutor(robot, self._safety, told),
                self._settings,
                instruction,
                number,
                told,
                recording.has_commands,
            ).run(episode)
        wall_s = time.perf_counter() - started_s
        summary = self._run_summary(recording, instructions, counted, wall_s)
        for score in scores:
            summary |= score.summary()
        return summary

    def _run_summary(
        self, recording: Recording, instructions: list[str], counted: _Frames, wall_s: float
    ) -> dict[str, Any]:
        """What was replayed, and how fast; `instructions` has one for each episode."""
        return {
            "robot": self._robot.name,
            "policy": self._policy.system1.manifest.name,
            "settings": asdict(self._settings),
            "instructions": sorted(set(instructions)),
            "compared_with": "recorded commands" if recording.has_commands else "measured joints",
            "episodes": len(instructions),
            "episodes_of_nothing": counted.of_nothing,
            "frames": counted.frames,
            "observations": counted.observations,
            "chunks": counted.chunks,
            "recorded_s": round(counted.recorded_s, 3),
            "wall_s": round(wall_s, 3),
            "frames_per_s": round(counted.frames / wall_s, 2),
            "times_real_time": round(counted.recorded_s / wall_s, 2),
            "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        }


class _Frames(ReplayListener):
    """Counts pictures of one camera, what came of them, and the time that the recording spans."""

    def __init__(self, camera: str, progress: Callable[[], None]) -> None:
        self._camera = camera
        self._progress = progress
        self._first_ns = self._last_ns = 0
        self._before_s = 0.0
        self._episode, self._chunks_before = "", 0
        self.frames = self.observations = self.chunks = 0
        #: Episodes without a chunk.
        self.of_nothing: list[str] = []

    @property
    def recorded_s(self) -> float:
        """Of all episodes [s]."""
        return self._before_s + (self._last_ns - self._first_ns) / NANOSECONDS

    def began(self, episode: str) -> None:
        """Time and chunks are counted from here."""
        self._before_s = self.recorded_s
        self._first_ns = self._last_ns = 0
        self._episode, self._chunks_before = episode, self.chunks

    def ended(self) -> None:
        """Note an episode of which nothing came."""
        if self.chunks == self._chunks_before:
            self.of_nothing.append(self._episode)

    def came(self, event: Event, build_s: float) -> None:
        """Time goes on; a frame of the first camera is progress."""
        self._first_ns = self._first_ns or event.now_ns
        self._last_ns = event.now_ns
        if isinstance(event, ImageCame) and event.camera == self._camera:
            self.frames += 1
            self._progress()

    def observed(self, seen: Observation) -> None:
        """Count it."""
        self.observations += 1

    def joined(self, chunk: ActionChunk, now_ns: int, gap: np.ndarray | None) -> None:
        """Count it."""
        self.chunks += 1


def nothing_done(summary: Mapping[str, Any]) -> str:
    """Why nothing of a recording, or of an episode, was replayed; "" where something was of each.

    Args:
        summary: as `OfflineReplay.run` returns it.
    """
    counts, examples = summary["refused"]["counts"], summary["refused"]["examples"]
    refused = [
        f"refused {count} times: {next(told for told in examples if told.startswith(source))}"
        for source, count in counts.items()
    ]
    for what in ("observations", "chunks"):
        if not summary[what]:
            why = "; ".join(refused) or "nothing was refused: it is too short"
            return f"no {what} came of {summary['frames']} pictures; {why}"
    if empty := summary["episodes_of_nothing"]:
        return (
            f"no chunks came of {len(empty)} of {summary['episodes']} episodes "
            f"({', '.join(empty[:5])}{', …' * (len(empty) > 5)}); {'; '.join(refused)}"
        )
    return ""
