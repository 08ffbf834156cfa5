"""Work that several processes share, with a bar."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from vla_core.progress import bar


def run_jobs(
    what: str, total: int, workers: int, work: Callable[..., int], jobs: Iterable[tuple]
) -> None:
    """Do every job; `work`, given a job's values, says how much of `total` it was."""
    # Spawned, not forked: a fork of a process with threads or an OpenGL context can hang.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    with pool, bar(what, total) as shown:
        for future in as_completed([pool.submit(work, *job) for job in jobs]):
            shown.advance(future.result())
