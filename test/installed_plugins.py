"""The packages under `test/plugins`, installed beside ours as anybody's are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PLUGINS, ROOT = Path(__file__).parent / "plugins", Path(__file__).parents[1]


def install(target: Path) -> Path:
    """Install all of them into a folder, from their sources alone."""
    packages = [str(path.parent) for path in sorted(PLUGINS.glob("*/pyproject.toml"))]
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
            "--no-build-isolation", "--disable-pip-version-check", "--target", str(target),
            *packages,
        ],
        check=True,
        timeout=120,
    )  # fmt: skip
    return target


def path_with(*folders: Path) -> str:
    """PYTHONPATH of a process that finds them, this checkout, and what we find."""
    return os.pathsep.join(
        [*map(str, folders), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
