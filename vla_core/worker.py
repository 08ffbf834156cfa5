"""Work for several processes: what comes of it, in order; how they end, and how they refuse."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from typing import Any, NamedTuple

from vla_core.errors import VlaError

#: Jobs given to each process before their results are asked for: what comes of them may be large.
_AHEAD = 2


class WorkerError(VlaError):
    """A worker process refused its job, or ended in the middle of it."""


class Refusal(NamedTuple):
    """A VlaError on its way from a worker; our errors carry values and cannot be pickled."""

    reason: str


def results(
    function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]], workers: int
) -> Generator[Any, None, None]:
    """What a function gives for each job's arguments, in their order, a few at a time.

    Args:
        function: of a module; may return a `Refusal`.
        workers: processes.

    Raises:
        WorkerError: a job was refused, or its process ended.
    """
    # Spawned, not forked: a fork of a process with threads or an OpenGL context can hang.
    with ProcessPoolExecutor(workers, get_context("spawn"), prepare_worker) as pool:
        waiting: deque = deque()
        try:
            for job in jobs:
                waiting.append(pool.submit(function, *job))
                if len(waiting) > _AHEAD * workers:
                    yield _accepted(waiting.popleft().result())
            while waiting:
                yield _accepted(waiting.popleft().result())
        except BrokenProcessPool as error:
            raise WorkerError(
                "a worker process ended in the middle of its job: was it killed, is memory short?"
            ) from error
        finally:
            for future in waiting:
                future.cancel()


def _accepted(result: Any) -> Any:
    if isinstance(result, Refusal):
        raise WorkerError(result.reason)
    return result


def prepare_worker() -> None:
    """One thread each, because there is a process a core; Ctrl-C ends it without a word.

    It does not outlive the process that started it, however that ended.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    if (parent := parent_process()) is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
