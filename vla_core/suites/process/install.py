"""Makes a suite's environment, a package after the other; goes on where it was left.

A package's stamp is written when it is there, so one in the middle of which the work was interrupted is
installed again from its beginning, over what is left of it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from vla_core.errors import ConfigError, VlaError
from vla_core.signals import die_with
from vla_core.suites.process.environment import Pinned, SuiteEnvironment, stamped
from vla_core.suites.process.surroundings import apart

_ASKED_S, _MADE_S, _PACKAGE_S = 60.0, 1200.0, 3600.0
_TOLD_LINES = 15
#: A process that was killed as it started another one is let go of by then [s].
_LOCKED_S = 3.0
#: What an interpreter has to have, and its version.
_PROBE = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"


class InstallError(VlaError):
    """An environment could not be made; says how its log ends."""


def install(
    environment: SuiteEnvironment,
    progress: Callable[[int, str], None] = lambda done, name: None,
) -> None:
    """Make an environment, or what is missing of it.

    Args:
        progress: called with the number of packages that are there, and the name of the next.

    Raises:
        ConfigError: no interpreter will do, or somebody else makes it just now.
        InstallError: the environment or a package failed; started again, it goes on there.
    """
    packages, options = environment.packages()
    with _alone(environment):
        if environment.is_whole:
            return
        if not _can_go_on(environment, packages):
            _make(environment)
        for number, package in enumerate(packages):
            progress(number, package.name)
            if not (environment.stamps / package.stamp).exists():
                _add(environment, package, options)
        progress(len(packages), "")
        _stamp(environment.stamps / "_all", environment.fingerprint)


@contextmanager
def _alone(environment: SuiteEnvironment) -> Iterator[None]:
    """One at a time; the lock goes with the process that has it."""
    path = environment.folder.with_name(f"{environment.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        end_s = time.monotonic() + _LOCKED_S
        while not _lock(lock):
            if time.monotonic() > end_s:
                raise ConfigError(str(environment.folder), "another process makes it just now")
            time.sleep(0.05)
        environment.folder.mkdir(exist_ok=True)
        yield


def _lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _can_go_on(environment: SuiteEnvironment, packages: Sequence[Pinned]) -> bool:
    """Whether what is there was begun from the same; else it is made anew, from nothing."""
    there = {path.name for path in environment.stamps.glob("*") if path.suffix != ".new"}
    return (
        stamped(environment.stamps / "_python") in environment.pythons
        and environment.python.exists()
        and there <= {"_python", "_all", *(package.stamp for package in packages)}
    )


def _make(environment: SuiteEnvironment) -> None:
    python, version = _interpreter(environment)
    shutil.rmtree(environment.folder)
    environment.folder.mkdir()
    _run(environment, [str(python), "-m", "venv", str(environment.folder)], _MADE_S)
    _stamp(environment.stamps / "_python", version)


def _interpreter(environment: SuiteEnvironment) -> tuple[Path, str]:
    """One that will do, with its version."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    for version in sorted(environment.pythons, key=lambda version: version != running):
        pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
        for python in (
            Path(sys._base_executable) if version == running else None,
            shutil.which(f"python{version}"),
            *sorted(pyenv.glob(f"{version}.*/bin/python{version}")),
        ):
            if python is not None and _version(Path(python)) == version:
                return Path(python), version
    wanted = ", ".join(environment.pythons)
    raise ConfigError(
        f"suite {environment.name}",
        f"needs Python {wanted}, found none with venv; install "
        f"python{environment.pythons[0]} and python{environment.pythons[0]}-venv",
    )


def _version(python: Path) -> str:
    """Of an interpreter that can make environments; empty: it cannot."""
    try:
        asked = subprocess.run(
            [str(python), "-c", _PROBE],
            env=apart(), capture_output=True, text=True, timeout=_ASKED_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip()


def _add(environment: SuiteEnvironment, package: Pinned, options: Sequence[str]) -> None:
    wanted = environment.stamps / f"{package.stamp}.new"
    wanted.write_text("\n".join([*options, package.line]) + "\n")
    _run(
        environment,
        [
            str(environment.python), "-m", "pip", "install", "--no-input", "--no-deps",
            "--ignore-installed", "--disable-pip-version-check", "--requirement", str(wanted),
        ],
        _PACKAGE_S,
    )  # fmt: skip
    _stamp(environment.stamps / package.stamp, package.line)


def _run(environment: SuiteEnvironment, command: Sequence[str], timeout_s: float) -> None:
    """Into the log; it dies with this process."""
    path = environment.folder.with_name(f"{environment.name}.log")
    with path.open("a") as log:
        print("+", *command, file=log, flush=True)
        try:
            ran = subprocess.run(
                command, env=apart(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                timeout=timeout_s, check=False,
                preexec_fn=partial(die_with, os.getpid()),
            )  # fmt: skip
            ended = f"ended with {ran.returncode}"
        except subprocess.TimeoutExpired:
            ended = f"was not done in {timeout_s:.0f} s"
    if ended != "ended with 0":
        told = "\n".join(path.read_text(errors="replace").splitlines()[-_TOLD_LINES:])
        raise InstallError(f"{' '.join(command)} {ended}; {path} ends with:\n{told}")


def _stamp(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.replace(path)
