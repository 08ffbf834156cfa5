"""How a suite's process is started, and how long it may take."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from vla_core.suites.process.environment import SuiteEnvironment
from vla_core.suites.process.surroundings import apart, beside


@dataclass(frozen=True)
class SuiteProcess:
    """What runs on the other side of the socket.

    Attributes:
        name: the suite's.
        entry: `module:function` that makes a `vla_suite_server.scene.ServedScene` there, of options
            by name.
        packages: folders of packages of ours that can be imported there, `entry`'s among them;
            without an environment everything of ours can be.
        environment: of its own; None: ours.
        start_s: time to start and to make the scene, at most [s].
        answer_s: time for each answer, at most [s]: it is taken for hung after that.
    """

    name: str
    entry: str
    packages: tuple[Path, ...] = ()
    environment: SuiteEnvironment | None = None
    start_s: float = 180.0
    answer_s: float = 120.0

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.environment.python if self.environment else Path(sys.executable)

    def variables(self) -> dict[str, str]:
        """Its environment variables."""
        return apart() if self.environment else beside()

    def require(self) -> None:
        """Raises `ConfigError` where its environment is not installed."""
        if self.environment is not None:
            self.environment.require(self.name)


@runtime_checkable
class Apart(Protocol):
    """A suite that runs in a process of its own."""

    process: SuiteProcess
