"""Compiled modules are kept, apart from the sources, whatever the environment says of bytecode."""

from __future__ import annotations

import os
import subprocess

from vla_core.paths import root


def test_what_is_compiled_once_is_kept(tmp_path):
    kept = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    subprocess.run(
        [root() / "vla", "test", "--version"], env=os.environ | kept, check=True, timeout=120
    )
    assert any(path.name.startswith("pytest") for path in tmp_path.rglob("*"))
