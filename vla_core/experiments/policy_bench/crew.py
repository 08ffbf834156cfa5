"""Who runs the episodes: processes of this machine, or Ray's actors on several."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from vla_core.errors import VlaError
from vla_core.evaluation.episode import EpisodeResult
from vla_core.evaluation.evaluate import run_episode
from vla_core.experiments.policy_bench.conditions import Condition
from vla_core.worker import Refusal, WorkerError, prepare_worker, results

#: How often an episode is given to another actor when the one that ran it is lost.
RETRIES = 3


class Job(NamedTuple):
    """An episode to be run."""

    condition: Condition
    seed: int


def run_here(
    jobs: Sequence[Job], workers: int
) -> Generator[tuple[Job, EpisodeResult], None, None]:
    """By processes of this machine, in the order of the jobs.

    Raises:
        WorkerError: a job was refused, or a process ended.
    """
    found = results(run_episode, ((job.condition.settings, job.seed) for job in jobs), workers)
    with closing(found):
        yield from zip(jobs, found, strict=True)


class _Actor:
    """Runs episodes; keeps the policy and the scene of the last one."""

    def __init__(self) -> None:
        prepare_worker()

    def run(self, job: Job) -> EpisodeResult | Refusal:
        return run_episode(job.condition.settings, job.seed)


def run_on_ray(
    jobs: Sequence[Job], workers: int, address: str
) -> Generator[tuple[Job, EpisodeResult], None, None]:
    """By Ray's actors, as they finish; an episode whose actor is lost is given to a new one.

    Args:
        workers: actors, of one core each.
        address: of the cluster; `local` starts one here.

    Raises:
        VlaError: Ray is not installed, or there is no such cluster.
        WorkerError: a job was refused, or lost its actors more than `RETRIES` times.
    """
    try:
        import ray
    except ImportError as error:
        raise VlaError("--ray: Ray is not installed; pip install ray") from error
    try:
        here = {"num_cpus": workers, "include_dashboard": False} if address == "local" else {}
        ray.init(address, ignore_reinit_error=True, log_to_driver=False, **here)
    except (ConnectionError, ValueError) as error:
        raise VlaError(f"--ray {address}: {error}") from error
    hire = ray.remote(num_cpus=1)(_Actor).remote
    waiting, lost = list(reversed(jobs)), dict.fromkeys(jobs, 0)
    busy = {}

    def give(actor: Any) -> None:
        job = waiting.pop()
        busy[actor.run.remote(job)] = actor, job

    for _ in range(min(workers, len(jobs))):
        give(hire())
    while busy:
        (done,), _ = ray.wait(list(busy), num_returns=1)
        actor, job = busy.pop(done)
        try:
            result = ray.get(done)
        except ray.exceptions.RayActorError as error:
            lost[job] += 1
            if lost[job] > RETRIES:
                raise WorkerError(f"{job.condition.name}, seed {job.seed}: {error}") from error
            waiting.append(job)
            actor = hire()
        else:
            if isinstance(result, Refusal):
                raise WorkerError(result.reason)
            yield job, result
        if waiting:
            give(actor)
