"""Where the scenes' files are: in the package gym-aloha, which is installed for them alone.

None of its code is imported: its requirements are not installed (`requirements-assets.txt`).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from vla_core.errors import ConfigError

#: The package as Python and as people call it.
_MODULE, PACKAGE = "gym_aloha", "gym-aloha"


def scene_file(name: str) -> Path:
    """The MuJoCo file of a scene, such as `bimanual_viperx_insertion.xml`.

    Raises:
        ConfigError: the package is not installed, or has no such file.
    """
    spec = find_spec(_MODULE)
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    if not folders:
        raise ConfigError(
            "suite aloha", f"its scenes are in {PACKAGE}, which is not installed; run ./vla setup"
        )
    path = Path(folders[0]) / "assets" / name
    if not path.is_file():
        raise ConfigError("suite aloha", f"{PACKAGE} in {folders[0]} has no assets/{name}")
    return path
