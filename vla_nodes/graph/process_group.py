"""Processes that end together: none outlives the one that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from typing_extensions import Self

from vla_core.signals import die_with
from vla_nodes.graph.shared_memory import free_orphans

#: How long each of SIGINT, SIGTERM, SIGKILL is given [s].
GRACE_S = (5.0, 2.0, 2.0)
_POLL_S = 0.02


class Ended(NamedTuple):
    """A process that is over."""

    name: str
    returncode: int

    def __str__(self) -> str:
        if self.returncode < 0:
            return f"{self.name} was ended by {signal.Signals(-self.returncode).name}"
        return f"{self.name} ended with {self.returncode}"


class ProcessGroup:
    """Starts processes in groups of their own and ends all of them with their children.

    The kernel kills each of them should this process die without a word (PR_SET_PDEATHSIG), so
    start and stop it in the main thread.

    Args:
        logs: folder for one log a process; None: they write where this process writes.
    """

    def __init__(self, logs: Path | None = None) -> None:
        self._logs = logs
        self._processes: dict[str, subprocess.Popen] = {}
        self._logged: set[str] = set()
        if logs is not None:
            logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        free_orphans()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        free_orphans()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start one process; one of a name that was started before goes on in its log."""
        parent = os.getpid()
        mode = "ab" if name in self._logged else "wb"
        log = open(self._logs / f"{name}.log", mode) if self._logs else None  # noqa: SIM115
        self._logged.add(name)
        try:
            self._processes[name] = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT if log else None,
                preexec_fn=lambda: die_with(parent),  # noqa: PLW1509  see the class
            )
        finally:
            if log is not None:
                log.close()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Signal one process and its children, if it runs; `ended` has it if that ends it."""
        if name in self._processes:
            _signal(self._processes[name], number)

    def ended(self) -> Ended | None:
        """One process that is over, if any; each is returned once."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                del self._processes[name]
                _signal(process, signal.SIGKILL)
                return Ended(name, process.returncode)
        return None

    def stop(self) -> list[Ended]:
        """End all: SIGINT, then SIGTERM, then SIGKILL; returns those that did not end well."""
        for number, grace_s in zip(
            (signal.SIGINT, signal.SIGTERM, signal.SIGKILL), GRACE_S, strict=True
        ):
            running = [p for p in self._processes.values() if p.poll() is None]
            for process in running:
                _signal(process, number)
            _wait(running, grace_s)
        bad = [
            Ended(name, process.returncode if process.returncode is not None else -signal.SIGKILL)
            for name, process in self._processes.items()
            if process.returncode not in (0, 130, -signal.SIGINT)
        ]
        for process in self._processes.values():
            _signal(process, signal.SIGKILL)  # children that it may have left
        self._processes.clear()
        return bad


def _signal(process: subprocess.Popen, number: signal.Signals) -> None:
    """Signal a process and its children; it leads its group, so its id is theirs."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def _wait(processes: Sequence[subprocess.Popen], timeout_s: float) -> None:
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s and any(p.poll() is None for p in processes):
        time.sleep(_POLL_S)
