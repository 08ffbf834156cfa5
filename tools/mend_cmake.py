"""Mends the CMake files that ROS 2's wheels export, so that interfaces can be built against them.

The wheels were built in a container, and their exported targets still name its folders, such as
`/opt/python/cp311-cp311/include/python3.11`. CMake refuses a target whose include folder is not
there. Replace them by this interpreter's own folders. Run after every install of `ros-*` wheels:
`.venv/bin/python tools/mend_cmake.py`. Running it twice changes nothing.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path

_NUMPY = re.compile(r"""/opt/python/[^;"'\s]*?/numpy/(?:_core|core)/include""")
_PYTHON = re.compile(r"""/opt/python/[^/;"'\s]+/include/python3\.\d+""")


def mend_text(text: str, python_include: str, numpy_include: str) -> str:
    """Replace the container's include folders by this machine's.

    Args:
        text: content of a CMake file.
        python_include: folder that holds `Python.h`.
        numpy_include: folder that holds `numpy/arrayobject.h`.

    Returns:
        The content with every container folder replaced; the same content when there is none.
    """
    text = _NUMPY.sub(lambda _: numpy_include, text)
    return _PYTHON.sub(lambda _: python_include, text)


def mend_prefix(prefix: Path, python_include: str, numpy_include: str) -> list[Path]:
    """Mend every `share/**/*.cmake` below a prefix.

    Args:
        prefix: the ament prefix that the wheels were installed in, i.e. the virtual environment.
        python_include, numpy_include: as in `mend_text`.

    Returns:
        The files that were changed, sorted.
    """
    changed = []
    for path in sorted((prefix / "share").rglob("*.cmake")):
        before = path.read_text(encoding="utf-8")
        after = mend_text(before, python_include, numpy_include)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path)
    return changed


def main() -> int:
    """Mend the environment this interpreter belongs to."""
    import numpy

    changed = mend_prefix(Path(sys.prefix), sysconfig.get_path("include"), numpy.get_include())
    print(f"{len(changed)} CMake files mended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
