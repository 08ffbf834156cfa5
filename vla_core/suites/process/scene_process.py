"""One process that simulates, and the socket to it: asked, waited for, ended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import zmq

from vla_core.contract.scene import SceneLostError
from vla_core.errors import VlaError
from vla_core.signals import die_with
from vla_core.suites.process.environment import SERVER
from vla_core.suites.process.suite_process import SuiteProcess
from vla_core.suites.process.vla_suite_server.wire import pack, unpack

_CLOSE_S, _TOLD_LINES = 5.0, 15


class SuiteProcessError(VlaError):
    """A suite's process cannot be started, or what it simulates has failed."""


class SceneProcess:
    """Started when it is made; it ends with this one, and with the thread that made it.

    After an error it is ended; make another one.

    Args:
        suite: what runs there.
        options: of its scene, as msgpack carries them.

    Raises:
        ConfigError: the suite's environment is not installed.
        SuiteProcessError: it cannot be started.

    Attributes:
        timestep_s: physics' own step [s].
    """

    def __init__(self, suite: SuiteProcess, options: Mapping[str, Any]) -> None:
        suite.require()
        self._suite = suite
        self._folder = Path(tempfile.mkdtemp(prefix="vla-suite-"))
        for package in (SERVER, *suite.packages):
            (self._folder / package.name).symlink_to(package.absolute())
        self._socket = zmq.Context.instance().socket(zmq.REQ)
        self._socket.linger = 0
        address = f"ipc://{self._folder / 'socket'}"
        self._socket.bind(address)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(suite.python), "-m", "vla_suite_server", address],
                cwd=self._folder, env=suite.variables(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509  see it
            )  # fmt: skip
        self._ended = os.pidfd_open(self._process.pid)
        self._end = weakref.finalize(
            self, _end, self._socket, self._process, self._ended, self._folder
        )
        try:
            opened = self.ask("open", suite.start_s, entry=suite.entry, options=dict(options))
        except SceneLostError as error:  # it would not get any farther a second time
            raise SuiteProcessError(str(error)) from error
        self.timestep_s: float = opened["timestep_s"]

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def ask(self, do: str, timeout_s: float | None = None, **arguments: Any) -> dict[str, Any]:
        """What `vla_suite_server.server.Server` answers.

        Args:
            do: name of one of its methods.
            timeout_s: for the answer [s]; None: the suite's `answer_s`.

        Raises:
            SceneLostError: the process ended, or does not answer.
            SuiteProcessError: it raised; the traceback is in the message.
        """
        timeout_s = self._suite.answer_s if timeout_s is None else timeout_s
        end_s = time.monotonic() + timeout_s
        request = pack({"do": do, **arguments})
        if not self._waited_for(zmq.POLLOUT, end_s):  # until it is there
            raise SceneLostError(self._lost(do, timeout_s))
        self._socket.send_multipart(request, zmq.NOBLOCK)
        if not self._waited_for(zmq.POLLIN, end_s):
            raise SceneLostError(self._lost(do, timeout_s))
        answer = unpack(self._socket.recv_multipart(zmq.NOBLOCK))
        if failed := answer.get("failed"):
            self.end()
            raise SuiteProcessError(f"{self._name} failed at {do!r}:\n{failed.rstrip()}")
        return answer

    def close(self) -> None:
        """Let it free the scene, and end it; nothing where it has ended."""
        try:
            if self._end.alive:
                self.ask("close", _CLOSE_S)
        except (SceneLostError, SuiteProcessError):
            pass  # it is ended anyway
        finally:
            self.end()

    def end(self) -> None:
        """End it at once, with its children; nothing where it has ended."""
        self._end()

    @property
    def _name(self) -> str:
        return f"suite {self._suite.name}: its process"

    def _waited_for(self, event: int, end_s: float) -> bool:
        """Whether the socket was ready before the process ended, and in time."""
        poller = zmq.Poller()
        poller.register(self._socket, event)
        poller.register(self._ended, zmq.POLLIN)
        found = dict(poller.poll(1000 * max(0.0, end_s - time.monotonic())))
        return self._socket in found

    def _lost(self, do: str, timeout_s: float) -> str:
        """Ends it, and says how it was."""
        code = self._process.poll()
        if code is None:
            how = f"did not answer {do!r} in {timeout_s:g} s and was killed"
        elif code < 0:
            how = f"was ended by {signal.Signals(-code).name} at {do!r}"
        else:
            how = f"ended with {code} at {do!r}"
        said = self._log.read_text(errors="replace").splitlines()[-_TOLD_LINES:]
        self.end()
        return "\n".join([f"{self._name} {how}", *(["it said last:"] if said else []), *said])


def _end(socket: zmq.Socket, process: subprocess.Popen, ended: int, folder: Path) -> None:
    """End the process with its children and leave nothing behind."""
    socket.close()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait(_CLOSE_S)
    os.close(ended)
    shutil.rmtree(folder, ignore_errors=True)
