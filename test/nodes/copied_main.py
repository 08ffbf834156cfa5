"""Mains that run in copies of one process, which has imported what they import once for all."""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

#: Holds what makes rclpy that of a distribution.
DISTRIBUTION = Path(__file__).parent / "distribution"
#: How the files of a process are opened: two may be the same one.
OPENED = os.O_RDWR | os.O_APPEND | os.O_NOCTTY


class CopiedMain:
    """A module that is run as `python -m` runs it, and inherits SIGINT ignored.

    Args:
        module, arguments: what is run.
        folder: it is run here.
        files: what it has as standard input, output and error.
        kind: of `rclpy.init`.
        imported: modules that are imported before the first of all copies is made.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        folder: Path,
        variables: Mapping[str, str],
        files: Sequence[Path],
        kind: str,
        imported: Sequence[str],
    ) -> None:
        context = get_context("forkserver")
        context.set_forkserver_preload(list(imported))
        ours, theirs = context.Pipe(duplex=False)
        given = theirs, module, arguments, folder, variables, files, kind
        self._process = context.Process(target=_run, args=given)
        self._process.start()
        theirs.close()
        ours.recv()
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout_s: float | None = None) -> int | None:
        self._process.join(timeout_s)
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


def _run(
    begun: Connection,
    module: str,
    arguments: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    files: Sequence[Path],
    kind: str,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    begun.send(True)
    for number, file in enumerate(files):
        os.dup2(os.open(file, OPENED), number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  multiprocessing has closed it
    os.chdir(folder)
    os.environ.update(variables)
    sys.path.insert(0, str(DISTRIBUTION))
    from rclpy_of import be_of

    be_of(kind)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
