"""The environment of a suite whose libraries cannot be ours: where it is, and whether it is whole."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vla_core.errors import ConfigError
from vla_core.paths import root

#: Names another folder than `.suites` of the checkout for all environments.
FOLDER_VARIABLE = "VLA_SUITES"
#: What the process needs besides.
SERVER = Path(__file__).parent / "vla_suite_server"
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^]]*\])?==")


class Pinned(NamedTuple):
    """One package of an environment.

    Attributes:
        name: of the package.
        line: as it stands in the requirements file, in one line; of two lines of a package, each for
            other versions of Python, pip leaves one out.
    """

    name: str
    line: str

    @property
    def stamp(self) -> str:
        """Name of the file that says that it is there."""
        return f"{self.name}-{hashlib.sha256(self.line.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class SuiteEnvironment:
    """A virtual environment that `vla suite install NAME` makes.

    Attributes:
        name: of its folder, the suite's or that of suites which share it.
        requirements: file with every package that is installed, each pinned (`name==version`):
            nothing else is installed, whatever the packages ask for. Options of pip may stand in it,
            numpy has to.
        pythons: versions that will do, such as `3.11`; the one that runs us is taken first.
    """

    name: str
    requirements: Path
    pythons: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where it is, or will be."""
        return Path(os.environ.get(FOLDER_VARIABLE) or root() / ".suites").absolute() / self.name

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def stamps(self) -> Path:
        """Where it is written down what has been done."""
        return self.folder / ".vla"

    def packages(self) -> tuple[list[Pinned], list[str]]:
        """What is installed, the server's own first, and pip's options for it.

        Raises:
            ConfigError: one is not pinned, or the file cannot be read.
        """
        packages, options = [], []
        for file in (SERVER / "requirements.txt", self.requirements):
            try:
                text = file.read_text().replace("\\\n", " ")
            except OSError as error:
                raise ConfigError(str(file), f"cannot be read: {error}") from error
            for line in text.splitlines():
                line = re.sub(r"(^|\s)#.*", "", line).strip()
                if line.startswith("-"):
                    options.append(line)
                elif found := _NAME.match(line):
                    packages.append(Pinned(found[1], line))
                elif line:
                    raise ConfigError(str(file), f"got {line!r}, expected name==version")
        return packages, options

    @property
    def fingerprint(self) -> str:
        """Of everything that it is made from."""
        packages, options = self.packages()
        told = "\n".join([*self.pythons, *options, *(package.line for package in packages)])
        return hashlib.sha256(told.encode()).hexdigest()

    def missing(self) -> list[Pinned]:
        """Packages that are not there yet."""
        return [p for p in self.packages()[0] if not (self.stamps / p.stamp).exists()]

    @property
    def is_whole(self) -> bool:
        """Whether it was made to its end, from what the files say now."""
        return stamped(self.stamps / "_all") == self.fingerprint and self.python.exists()

    def said(self) -> str:
        """In words, for people."""
        if self.is_whole:
            return f"installed in {self.folder}"
        if not self.stamps.exists():
            return "not installed"
        if stamped(self.stamps / "_all"):
            return "installed from other requirements"
        total = len(self.packages()[0])
        return f"{total - len(self.missing())} of {total} packages installed"

    def require(self, suite: str) -> None:
        """Raises `ConfigError` where it is not whole; says what makes it so.

        Args:
            suite: that needs it, by name; several may share it.
        """
        if not self.is_whole:
            raise ConfigError(
                f"suite {suite}",
                f"has an environment of its own, {self.said()}: ./vla suite install {suite}",
            )


def stamped(path: Path) -> str:
    """What a stamp says; empty where there is none."""
    try:
        return path.read_text()
    except OSError:
        return ""
