"""Corrections (DAgger, Ross et al. 2011): the policy acts, the expert says what it should have done.

The policy acts through the command node's core, its chunks joined and late as they will be on the
robot. Where that leads, the simulation is saved, the expert goes on from there cleanly for a
little longer than one chunk, and the simulation is set back. So the future features and the actions
of such a window are the expert's, without a disturbance in them.

On every second table an operator takes over meanwhile, and leaves the arms elsewhere.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vla_core.chunks.executor import Executor
from vla_core.chunks.inference_schedule import InferenceSchedule
from vla_core.chunks.stepped_inference import SteppedInference
from vla_core.command.filtered_executor import FilteredExecutor
from vla_core.command.operated_executor import OperatedExecutor
from vla_core.contract.joint_targets import in_joint_targets
from vla_core.contract.protocol import System1, System2
from vla_core.handover.load_teleop import load_teleop
from vla_core.handover.passing_operator import MANNERS
from vla_core.observation.scene_observer import SceneObserver
from vla_core.policies.registry import load_policy
from vla_core.robot.camera_poses import CameraPoses
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.suites.in_processes import run_jobs
from vla_core.suites.tabletop.demonstrations import Recorder
from vla_core.suites.tabletop.expert import Expert
from vla_core.suites.tabletop.layout import sample_layout
from vla_core.suites.tabletop.tabletop import TabletopSim
from vla_core.types import NANOSECONDS

#: How long the policy acts on a table, and where an operator takes over; how often it is corrected
#: [s].
EPISODE_S, OPERATED_S, CORRECT_S = 9.0, 14.0, 0.9
#: Steps that a correction is longer than a chunk: as many windows come of it.
WINDOWS = 3


def correct(
    recorder: Recorder,
    system2: System2,
    system1: System1,
    executor: Executor,
    rng: np.random.Generator,
    episode_s: float = EPISODE_S,
) -> list:
    """Let the policy act on one random table; returns the expert's corrections as episodes."""
    sim, manifest = recorder.sim, system1.manifest
    instruction = sim.reset_to(sample_layout(rng), sim.robot.ready_pose)
    seconds = (manifest.horizon + WINDOWS) * manifest.step_s
    inference = SteppedInference(system1, executor, InferenceSchedule(), rng)
    for system in (system2, system1):
        system.reset(instruction)
    period_s = executor.period_s
    corrections, done = [], 0
    observer = SceneObserver(sim, manifest.observation, CameraPoses(sim.robot), period_s)
    for tick in range(round(episode_s / period_s)):
        now_ns = round(tick * period_s * NANOSECONDS)
        observer.tick(tick, now_ns)
        if inference.is_due(now_ns):
            seen = observer.look(tick, now_ns)
            context = inference.context(seen, observer.history(now_ns))
            inference.infer(context, system2.intend(context, instruction))
        inference.deliver(now_ns)
        if tick % round(CORRECT_S / period_s) == 0:
            corrections.append(recorder.excursion(seconds))
        sim.set_targets(executor.tick(now_ns, sim.position, sim.velocity))
        sim.step(period_s)
        done += sim.success
        if done > 1.0 / period_s:
            break
    return corrections


def _work(folder: Path, policy: Path, seeds: list[int], longest_s: float) -> int:
    system2, system1, _ = load_policy(policy)
    size = system1.manifest.observation.cameras[0].width
    with TabletopSim(RobotModel.load(system1.manifest.robot)) as sim:
        deep = bool(system1.manifest.observation.depths)
        recorder = Recorder(sim, Expert(sim), size, deep=deep)
        robot, safety = sim.robot, CommandSafety.of(sim.robot)
        system1 = in_joint_targets(system1, robot)
        leader = load_teleop("leader", robot.description)
        for seed in seeds:
            done = folder / f"{seed:06d}.done"
            if done.exists():
                continue
            rng = np.random.default_rng((seed, 13))
            executor, episode_s = FilteredExecutor(robot, safety), EPISODE_S
            if seed % 2:
                executor = OperatedExecutor.passing(robot, safety, leader, rng, MANNERS["moving"])
                episode_s = OPERATED_S
            episode_s = min(episode_s, longest_s)
            found = correct(recorder, system2, system1, executor, rng, episode_s)
            for part, episode in enumerate(found):
                episode.save(folder / f"{seed:06d}_{part:02d}.npz")
            done.touch()
    return len(seeds)


def generate(
    folder: Path, policy: Path, seeds: range, workers: int = 2, longest_s: float = OPERATED_S
) -> None:
    """Fill `folder` with the corrections of `seeds`; goes on where it was interrupted.

    Args:
        longest_s: no policy acts on a table for longer [s].
    """
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        (folder, policy, list(seeds[i : i + 5]), longest_s) for i in range(0, len(seeds), 5)
    ]
    run_jobs("corrections", len(seeds), workers, _work, jobs)
