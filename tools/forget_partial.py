"""Forgets installed packages whose files are missing or cut short, so that pip installs them anew.

An installation that was interrupted can leave a package that pip takes for whole. Each package's
RECORD names its files with their sizes; where one does not agree, the package's record is removed.
Run in the environment to look at, before `pip install`.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from importlib.metadata import Distribution
from pathlib import Path

# Written to after installation: by mend_cmake.py, and by pip where it compiles.
_CHANGING = {".cmake", ".pyc"}


def is_whole(package: Distribution) -> bool:
    """Whether every file that the package's RECORD names is there with the size it names."""
    if package.read_text("METADATA") is None or package.read_text("RECORD") is None:
        return False
    for file in package.files or []:
        if file.suffix in _CHANGING:
            continue
        path = Path(package.locate_file(file))
        if not path.is_file() or (file.size is not None and path.stat().st_size != file.size):
            return False
    return True


def forget_partial(site_packages: Path) -> list[str]:
    """Remove the `.dist-info` folder of every package in a folder that is not whole.

    Args:
        site_packages: folder of installed packages.

    Returns:
        Names of the folders removed, sorted.
    """
    forgotten = []
    for info in sorted(site_packages.glob("*.dist-info")):
        if not is_whole(Distribution.at(info)):
            shutil.rmtree(info)
            forgotten.append(info.name)
    return forgotten


def main() -> int:
    """Look at the environment this interpreter belongs to."""
    for name in forget_partial(Path(sysconfig.get_path("purelib"))):
        print(f"forgotten, for it is not whole: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
