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
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}",
        "date": datetime.now(timezone.utc).date().isoformat(),
    }


def write_measurement(
    path: Path, found: dict[str, Any] | Sequence[Any], figures: Sequence[Figure] = ()
) -> None:
    """Write what was found, and how: folders are made.

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
    path.write_text(json.dumps(content, indent=1) + "\n")


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
