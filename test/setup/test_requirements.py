"""What is installed is decided by the repository, not by the day of the installation."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-ros.txt")
PYTHONS = ("3.10.0", "3.11.0", "3.12.0", "3.13.0")


def requirements(name: str) -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def applies(requirement: Requirement, python: str) -> bool:
    environment = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    return requirement.marker is None or requirement.marker.evaluate(environment)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_to_one_exact_version(lock):
    loose = [
        str(requirement)
        for requirement in requirements(lock)
        if not re.fullmatch(r"==[^*,]+", str(requirement.specifier))
    ]
    assert loose == []


@pytest.mark.parametrize("python", PYTHONS)
def test_each_python_gets_one_version_of_everything_asked_for_by_name(python):
    pinned = [
        requirement.name
        for lock in LOCKS
        for requirement in requirements(lock)
        if applies(requirement, python)
    ]
    assert sorted(pinned) == sorted(set(pinned))
    assert {requirement.name for requirement in requirements("requirements.in")} <= set(pinned)


def test_torch_is_asked_for_without_a_build_so_that_each_index_gives_its_own():
    (torch,) = (item for item in requirements("requirements.txt") if item.name == "torch")
    assert str(torch) == "torch==2.13.0"


def test_ros_is_kept_apart_so_that_a_sourced_ros_replaces_it():
    assert all(item.name.startswith("ros-") for item in requirements("requirements-ros.txt"))
    assert not any(item.name.startswith("ros-") for item in requirements("requirements.txt"))


def test_a_package_that_is_taken_for_its_files_alone_is_pinned_by_its_hash():
    lines = (ROOT / "requirements-assets.txt").read_text().splitlines()
    packages = [line for line in lines if not line.startswith("#")]
    assert packages
    for line in packages:
        assert re.fullmatch(r"[a-z-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}", line), line
