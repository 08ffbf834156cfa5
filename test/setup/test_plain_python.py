"""The environment's interpreter finds the suite from anywhere: benchmarks are run with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import vla_core


def test_plain_python_finds_the_suite_and_its_messages(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [sys.executable, "-c", "import vla_core, vla_msgs.msg; print(vla_core.__file__)"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert Path(found.stdout.strip()) == Path(vla_core.__file__)
