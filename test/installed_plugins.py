"""The packages under `test/plugins`, installed beside ours as anybody's are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PLUGINS, ROOT = Path(__file__).parent / "plugins", Path(__file__).parents[1]


def install(target: Path) -> Path:
    """Install all of them into a folder, from copies of their sources: pip builds where they lie."""
    sources = shutil.copytree(PLUGINS, target / "sources")
    packages = [str(path.parent) for path in sorted(sources.glob("*/pyproject.toml"))]
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
            "--no-build-isolation", "--disable-pip-version-check",
            "--target", str(target / "packages"), *packages,
        ],
        check=True,
        timeout=120,
    )  # fmt: skip
    return target / "packages"


def path_with(*folders: Path) -> str:
    """PYTHONPATH of a process that finds them, this checkout, and what we find."""
    return os.pathsep.join(
        [*map(str, folders), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
