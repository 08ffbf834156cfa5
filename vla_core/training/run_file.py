"""The YAML of a training run, and of one that is like another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from vla_core.errors import ConfigError
from vla_core.paths import training_file


def read_yaml(path: Path) -> Any:
    """What a YAML says; with `like: RUN` what that other one says, but for what it says itself.

    Of `model` each size is told by itself; everything else, `stages` too, takes the other's place
    whole.

    Raises:
        ConfigError: it is no YAML, or it is like a run that there is not, or like itself.
    """
    return _read(path, ())


def _read(path: Path, alike: tuple[Path, ...]) -> Any:
    alike = (*alike, path.resolve())
    try:
        raw = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ConfigError(str(path), f"is not YAML ({error})") from error
    if not isinstance(raw, Mapping) or "like" not in raw:
        return raw
    other_path = training_file(raw["like"])
    if other_path.resolve() in alike:
        names = " -> ".join(each.stem for each in (*alike, other_path))
        raise ConfigError(f"{path}: like", f"goes round: {names}")
    other = _read(other_path, alike)
    own = {key: value for key, value in raw.items() if key != "like"}
    if isinstance(own.get("model"), Mapping):
        own["model"] = {**other["model"], **own["model"]}
    return {**other, **own}
