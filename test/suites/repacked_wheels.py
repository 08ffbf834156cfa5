"""Wheels of installed packages, and small ones, so that environments are made without a network."""

from __future__ import annotations

import zipfile
from importlib.metadata import distribution
from pathlib import Path


def repack(name: str, folder: Path) -> str:
    """Write the wheel of a package that is installed here; returns its line of requirements."""
    package = distribution(name)
    tag = next(
        line.partition(": ")[2]
        for line in package.read_text("WHEEL").splitlines()
        if line.startswith("Tag: ")
    )
    files = {
        str(file): Path(package.locate_file(file)).read_bytes()
        for file in package.files
        if ".." not in file.parts
        and file.suffix != ".pyc"
        and file.name not in ("RECORD", "INSTALLER")
    }
    info = next(Path(file).parent for file in files if file.endswith(".dist-info/METADATA"))
    _write(folder / f"{info.name.removesuffix('.dist-info')}-{tag}.whl", info, files)
    return f"{name}=={package.version}"


def make(name: str, source: str, folder: Path) -> str:
    """Write the wheel of a module; returns its line of requirements."""
    info = Path(f"{name}-1.dist-info")
    files = {
        f"{name}.py": source.encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    _write(folder / f"{name}-1-py3-none-any.whl", info, files)
    return f"{name}==1"


def _write(path: Path, info: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
        record = f"{info}/RECORD"
        wheel.writestr(record, "".join(f"{name},,\n" for name in [*files, record]))
