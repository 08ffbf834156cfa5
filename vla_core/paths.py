"""Where configuration, robot models and policies lie: in the checkout, or in share/ once installed."""

from __future__ import annotations

import sys
from pathlib import Path

from vla_core.errors import ConfigError

_CHECKOUT = Path(__file__).resolve().parent.parent
_INSTALLED = Path(sys.prefix) / "share" / "vla_nodes"


def root() -> Path:
    """Folder that holds `config/`, `urdf/` and `launch/`."""
    prefixes = _CHECKOUT.parents[2:3]  # of <prefix>/lib/pythonX.Y/site-packages; none when shallow
    shares = (prefix / "share" / "vla_nodes" for prefix in prefixes)
    for candidate in (_CHECKOUT, *shares, _INSTALLED):
        if (candidate / "config").is_dir():
            return candidate
    raise ConfigError("config/", f"not found beside {_CHECKOUT} nor in {_INSTALLED}; reinstall")


def _named(kind: str, name: str | Path, suffix: str) -> Path:
    direct = Path(name)
    if direct.exists() and (direct.is_dir() if not suffix else direct.is_file()):
        return direct.resolve()
    folder = root() / "config" / kind
    path = folder / f"{name}{suffix}"
    if path.exists():
        return path
    known = sorted(
        p.stem for p in folder.iterdir() if (p.is_dir() if not suffix else p.suffix == suffix)
    )
    raise ConfigError(f"config/{kind}", f"no {str(name)!r}; there are {', '.join(known) or 'none'}")


def robot_file(name: str | Path) -> Path:
    """YAML of a robot, by name under `config/robots` or by path."""
    return _named("robots", name, ".yaml")


def policy_folder(name: str | Path) -> Path:
    """Folder of a trained policy, by name under `config/policies` or by path."""
    return _named("policies", name, "")


def teleop_file(name: str | Path) -> Path:
    """YAML of a teleoperation, by name under `config/teleop` or by path."""
    return _named("teleop", name, ".yaml")


def training_file(name: str | Path) -> Path:
    """YAML of a training run, by name under `config/training` or by path."""
    return _named("training", name, ".yaml")
