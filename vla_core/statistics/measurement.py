"""What a measurement says of itself, written with every JSON of a bench or an evaluation.

A file holds what was found under its own keys, and beside it `measured`: commit, command, machine,
date. Files in `benchmarks/results` are of the same form and make `docs/results.md` (`vla results`).
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from vla_core.paths import root

_GIT_TIMEOUT_S = 10.0
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        what: what it is of, with what it is compared to.
        value: in `unit`.
        unit: such as `%`, `ms`, `rad/s`; empty for counts and shares.
        interval: its 95 % interval in `unit`, where one is known.
        trials: of how many it is; None where it is not counted.
    """

    what: str
    value: float | str
    unit: str = ""
    interval: tuple[float, float] | None = None
    trials: int | None = None


def provenance() -> dict[str, str]:
    """Commit, command, machine and date (UTC) of this process."""
    return {
        "commit": git_revision(root()),
        "command": command(sys.argv),
        "machine": machine(),
        "date": datetime.now(timezone.utc).date().isoformat(),
    }


def command(argv: Sequence[str]) -> str:
    """The command line, from the checkout's folder, that gave a process these arguments."""
    program, rest = Path(argv[0]), shlex.join(argv[1:])
    if program.is_relative_to(root()):
        program = program.relative_to(root())
    name = program.as_posix()
    if program.name == "__main__.py":
        module = ".".join(program.parent.parts)
        name = "vla" if module == "vla_core.cli" else f"python -m {module}"
    return f"{name} {rest}".strip()


def machine() -> str:
    """Processor, cores that this process may use, memory, NVIDIA GPUs, Python."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processor = _values(Path("/proc/cpuinfo"), "model name")[:1] or [platform.machine()]
    cards = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    graphics = [name for card in cards for name in _values(card, "Model")]
    cores = f"{len(os.sched_getaffinity(0))} cores"
    python = f"Python {platform.python_version()}"
    return ", ".join([*processor, cores, f"{memory_gib:.0f} GiB", *graphics, python])


def _values(path: Path, key: str) -> list[str]:
    """Values of `key: value` lines of a file of the kernel's."""
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return [value.strip() for name, _, value in lines if name.strip() == key]


def write_measurement(
    path: Path, found: dict[str, Any] | Sequence[Any], figures: Sequence[Figure] = ()
) -> None:
    """Write what was found, and how: folders are made; killed meanwhile, an old file stays whole.

    Args:
        path: of the JSON file.
        found: what the bench tells, its keys kept; a list is written under `rows`.
        figures: what of it a page of results shows.
    """
    content = dict(found) if isinstance(found, dict) else {"rows": list(found)}
    content["measured"] = provenance()
    if figures:
        content["figures"] = [asdict(figure) for figure in figures]
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(content, indent=1) + "\n")
    new.replace(path)


def read_measurement(path: Path) -> dict[str, Any]:
    """What an earlier run wrote, without its `measured`; empty where there is no such file."""
    content = json.loads(path.read_text()) if path.exists() else {}
    content.pop("measured", None)
    return content


def git_revision(folder: Path) -> str:
    """The commit checked out, with `-dirty` where files differ; `unknown` without git."""
    try:
        described = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return _UNKNOWN
    return described.stdout.strip() or _UNKNOWN
