"""Which ROS 2 distributions the set-up takes, and what it says of the others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TAKEN = ("pypi", "humble", "jazzy", "kilted")
REFUSED = {
    "lyrical": "runs on Python 3.14, and the suite's libraries are pinned for 3.10 to 3.13",
    "iron": "is none of those that the suite is made for: humble, jazzy, kilted",
    "rolling": "is none of those",
    "": "is none of those",
}


def decide(distribution: str) -> subprocess.CompletedProcess:
    command = ["bash", str(ROOT / "tools" / "supported_ros.sh"), distribution]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("distribution", TAKEN)
def test_a_distribution_is_taken_without_a_word(distribution):
    answer = decide(distribution)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


@pytest.mark.parametrize("distribution", REFUSED)
def test_another_is_refused_with_the_reason_and_what_to_do(distribution):
    answer = decide(distribution)
    assert answer.returncode == 1
    assert REFUSED[distribution] in answer.stderr and "ROS 2 Kilted from PyPI" in answer.stderr


@pytest.mark.parametrize("distribution", [name for name in REFUSED if name])
def test_the_set_up_refuses_before_it_makes_anything(distribution, tmp_path):
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    answer = subprocess.run(
        ["bash", str(tmp_path / "tools" / "setup.sh")],
        env={"PATH": os.environ["PATH"], "ROS_DISTRO": distribution},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert answer.returncode == 1 and REFUSED[distribution] in answer.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["tools"]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_pages_name_the_distributions_that_are_taken(page):
    text = (ROOT / page).read_text()
    assert all(re.search(rf"\b{name}\b", text, re.IGNORECASE) for name in TAKEN[1:])
