"""Tables on which an operator watches the policy and corrects it, as a LeRobot data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from vla_core.command.filtered_executor import FilteredExecutor
from vla_core.command.operated_executor import OperatedExecutor
from vla_core.contract.abilities import Watched
from vla_core.contract.joint_targets import in_joint_targets
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.protocol import System1, System2
from vla_core.contract.scene import Scene
from vla_core.errors import VlaError
from vla_core.evaluation.episode import EpisodeRunner
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.experiments.interventions.attempt_record import AttemptRecord
from vla_core.experiments.interventions.expert_operator import ExpertOperator
from vla_core.handover.load_teleop import load_teleop
from vla_core.paths import policy_folder
from vla_core.policies.registry import load_policy
from vla_core.recordings.convert.dataset_index import episode_rows
from vla_core.recordings.convert.dataset_writer import DatasetWriter
from vla_core.recordings.convert.frames import Frame
from vla_core.recordings.lerobot.dataset import video_keys
from vla_core.robot.camera_poses import CameraPoses
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.suites.registry import check_shift, load_suite, suite_for
from vla_core.worker import Refusal, results

#: An attempt is given up after this time, and goes on so long after success: longer than the
#: operator holds the deadman then, so that letting go is in it [s].
TIME_LIMIT_S, SETTLE_S = 30.0, 2.0


class Attempt(NamedTuple):
    """One table.

    Attributes:
        seed: of the table.
        instruction: what was told.
        frames: what is kept.
    """

    seed: int
    instruction: str
    frames: list[Frame]


class AttemptRunner:
    """Runs attempts of a policy with an operator at it; stepped, through the command core.

    Args:
        suite: knows who helps, and when.
        sim: one of its scenes.
        system1, system2: the policy.
        settings: how it works; how long an attempt lasts is this module's.
        teleop: name under `config/teleop`, or a YAML; with a leader.

    Raises:
        ConfigError, RobotDescriptionError: the teleoperation cannot be loaded.
    """

    def __init__(
        self,
        suite: Watched,
        sim: Scene,
        system1: System1,
        system2: System2,
        settings: EvaluationSettings,
        teleop: str,
    ) -> None:
        self._suite, self._sim, manifest = suite, sim, system1.manifest
        self._described = load_teleop(teleop, sim.robot.description)
        self._safety = CommandSafety.of(sim.robot)
        self._cameras = tuple(camera.name for camera in manifest.observation.cameras)
        self._rate_hz = 1.0 / manifest.step_s
        self._expert = suite.expert(sim)
        settings = replace(settings, time_limit_s=TIME_LIMIT_S, settle_s=SETTLE_S)
        self._runner = EpisodeRunner(
            sim, system1, system2, settings, (), self._operated, CameraPoses(sim.robot)
        )

    @classmethod
    def load(cls, settings: EvaluationSettings, teleop: str) -> AttemptRunner:
        """By name, as `vla eval` loads them.

        Raises:
            VlaError: policy or teleoperation cannot be loaded.
        """
        system2, system1, _ = load_policy(settings.policy, settings.backend)
        robot = RobotModel.load(system1.manifest.robot)
        suite = load_suite(settings.suite, Watched)
        sim = suite.scene(robot, settings.shift)
        return cls(suite, sim, in_joint_targets(system1, robot), system2, settings, teleop)

    def run(self, seed: int) -> Attempt:
        """The attempt of a seed; the same each time."""
        self._runner.run(seed)
        return Attempt(seed, self._record.span.instruction, list(self._record.frames()))

    def _operated(self, _: int) -> OperatedExecutor:
        """One episode's; the table has been laid."""
        self._record = AttemptRecord(self._sim, self._cameras, self._rate_hz)
        handover = self._described.handover
        core = FilteredExecutor(self._sim.robot, self._safety, handover=handover)
        watch = self._suite.watch(self._sim)
        operator = ExpertOperator(self._sim, self._expert, watch, self._described)
        return OperatedExecutor(core, operator, self._record)


def collect(
    settings: EvaluationSettings,
    teleop: str,
    folder: Path,
    seeds: Sequence[int],
    workers: int = 2,
    progress: Callable[[int], None] = lambda tables: None,
) -> None:
    """Fill a data set with the attempts of `seeds`; those that are there are left as they are.

    Args:
        settings: the policy, and the tables that it works on.
        folder: of the data set; made, or gone on with.
        progress: told for each table how many are there by then.

    Raises:
        VlaError: policy or teleoperation cannot be loaded, or another data set is in the folder.
    """
    manifest = PolicyManifest.load(policy_folder(settings.policy))
    check_shift(settings.suite, suite_for(manifest, settings.suite, Watched), settings.shift)
    robot = RobotModel.load(manifest.robot)
    keys = video_keys(robot.description)
    cameras = {
        camera.name: (keys[camera.name], robot.cameras[camera.name].size(True))
        for camera in manifest.observation.cameras
    }
    writer = DatasetWriter(folder, robot, cameras, round(1.0 / manifest.step_s))
    left = [seed for seed in seeds if not writer.has(_source(seed))]
    progress(len(seeds) - len(left))
    jobs = [(settings, teleop, seed) for seed in left]
    attempts = results(_run, jobs, max(1, min(workers, len(left))))
    for number, attempt in enumerate(attempts, start=1):
        writer.add(_source(attempt.seed), attempt.instruction, iter(attempt.frames))
        progress(len(seeds) - len(left) + number)


def summary(folder: Path) -> dict[str, Any]:
    """What a data set of attempts holds: tables, those with an intervention, why, and successes."""
    rows = episode_rows(folder)
    told = [intervention for row in rows for intervention in row["interventions"]]
    return {
        "tables": len(rows),
        "taken_over": sum(bool(row["interventions"]) for row in rows),
        "interventions": len(told),
        "causes": dict(Counter(each["cause"].rpartition(": ")[2] for each in told)),
        "done": sum(bool(row["success"]) for row in rows),
        "frames": sum(row["length"] for row in rows),
        "corrected_frames": sum(each["to_frame"] - each["from_frame"] + 1 for each in told),
    }


def _source(seed: int) -> str:
    return f"table/{seed}"


#: In a worker: what it runs.
_loaded: AttemptRunner | None = None


def _run(settings: EvaluationSettings, teleop: str, seed: int) -> Attempt | Refusal:
    global _loaded
    try:
        if _loaded is None:
            _loaded = AttemptRunner.load(settings, teleop)
        return _loaded.run(seed)
    except VlaError as error:
        return Refusal(str(error))
