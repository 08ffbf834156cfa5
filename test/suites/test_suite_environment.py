"""A suite in an environment of its own: made package by package, gone on with, run in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from repacked_wheels import make, repack

from vla_core.errors import ConfigError
from vla_core.suites.process.environment import FOLDER_VARIABLE, SuiteEnvironment
from vla_core.suites.process.install import InstallError, install
from vla_core.suites.process.scene_process import SceneProcess
from vla_core.suites.process.suite_process import SuiteProcess

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
#: Installs in a process that can be killed.
INSTALL = """
import sys
from pathlib import Path
from vla_core.suites.process.environment import SuiteEnvironment
from vla_core.suites.process.install import install
install(SuiteEnvironment("toy", Path(sys.argv[1]), (sys.argv[2],)))
"""
SCENE = """
import importlib.util
import sys

import gripper
import numpy as np
from vla_suite_server.scene import State


def open_scene(fingers):
    assert importlib.util.find_spec("vla_core") is None, "sees our library"
    return Scene(fingers)


class Scene:
    timestep_s = 0.01

    def __init__(self, fingers):
        self.fingers = fingers

    def reset(self, seed, task):
        print("resets", flush=True)
        self.time_s = 0.0
        self.now = np.random.default_rng(seed).random(self.fingers)
        return 1 if task is None else task

    def act(self, action, duration_s):
        self.time_s += duration_s
        self.now = gripper.closed(action)

    def state(self):
        return State(self.time_s, self.now, 0 * self.now, self.now, self.now > 0.5)

    def render(self, camera):
        return np.full((2, 2, 3), len(sys.prefix) % 256, np.uint8)

    def close(self):
        pass
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("wheels")


@pytest.fixture(scope="module")
def requirements(wheels) -> Path:
    """A file that pins what the toy needs; its wheels lie beside it."""
    lines = [repack(name, wheels) for name in ("msgpack", "pyzmq", "numpy")]
    lines.append(make("hinge", "SIDE = 1", wheels))
    lines.append(make("gripper", "def closed(action):\n    return action * 0.5\n", wheels))
    path = wheels / "requirements.txt"
    path.write_text("# the toy's\n--no-index\n" + "\n".join([*lines[2:], ""]))
    return path


@pytest.fixture
def folder(tmp_path, wheels, monkeypatch) -> Path:
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def wait_for(path: Path, process: subprocess.Popen, timeout_s: float = 600.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not path.exists():
        assert time.monotonic() < end_s and process.poll() is None, f"{path} has not come"
        time.sleep(0.01)


def test_killed_in_the_middle_of_a_package_it_goes_on_there_and_then_runs(folder, requirements):
    toy = SuiteEnvironment("toy", requirements, (RUNNING,))
    _, pyzmq, numpy_, *_ = toy.packages()[0]
    assert toy.said() == "not installed" and not toy.is_whole
    with pytest.raises(ConfigError, match="not installed: ./vla suite install toy"):
        SceneProcess(SuiteProcess("toy", "toy_scene:open_scene", environment=toy), {})
    with subprocess.Popen([sys.executable, "-c", INSTALL, str(requirements), RUNNING]) as killed:
        wait_for(toy.stamps / f"{numpy_.stamp}.new", killed)
        killed.send_signal(signal.SIGKILL)
    assert toy.said() == "2 of 5 packages installed" and not toy.is_whole
    kept = [toy.folder / "pyvenv.cfg", toy.stamps / pyzmq.stamp]
    made = [path.stat().st_mtime_ns for path in kept]
    steps = []
    install(toy, lambda *step: steps.append(step))
    assert (
        steps[2] == (2, "numpy")
        and steps[-1] == (5, "")
        and toy.is_whole
        and toy.said().startswith("installed in")
    )
    assert made == [path.stat().st_mtime_ns for path in kept]

    scene = folder / "toy_scene.py"
    scene.write_text(SCENE)
    process = SceneProcess(
        SuiteProcess("toy", "toy_scene:open_scene", (scene,), toy), {"fingers": 2}
    )
    assert process.timestep_s == 0.01
    reset = process.ask("reset", seed=5, task=None)
    assert reset["told"] == 1
    assert np.array_equal(reset["position"], np.random.default_rng(5).random(2))
    played = process.ask("play", actions=np.ones((3, 2)), period_s=0.5, cameras=["any"])
    assert np.array_equal(played["position"], np.full((3, 2), 0.5)) and played["time_s"][-1] == 1.5
    assert played["images"]["any"][0, 0, 0] == len(str(toy.folder)) % 256
    process.close()

    # One more package is added to what is there.
    with requirements.open("a") as file:
        file.write("hinge2==1\n")
    make("hinge2", "SIDE = 2", requirements.parent)
    assert toy.said() == "installed from other requirements"
    install(toy)
    assert toy.is_whole and made == [path.stat().st_mtime_ns for path in kept]


def test_what_cannot_be_installed_is_told_with_the_end_of_the_log(folder, requirements, tmp_path):
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("--no-index\nnowhere_to_be_found==1\n")
    toy = SuiteEnvironment("toy", wrong, (RUNNING,))
    with pytest.raises(
        InstallError, match=r"(?s)ended with 1; .*toy.log ends with:.*nowhere_to_be"
    ):
        install(toy)
    assert toy.said() == "2 of 3 packages installed"


def test_while_one_installs_another_is_refused(folder, requirements):
    toy = SuiteEnvironment("toy", requirements, (RUNNING,))
    with subprocess.Popen([sys.executable, "-c", INSTALL, str(requirements), RUNNING]) as first:
        wait_for(toy.folder, first)
        with pytest.raises(ConfigError, match="another process makes it just now"):
            install(toy)
        first.kill()


def test_no_python_that_will_do_is_refused_saying_which_would(folder, requirements):
    toy = SuiteEnvironment("toy", requirements, ("3.1", "3.2"))
    with pytest.raises(
        ConfigError, match=r"needs Python 3.1, 3.2, found none.*install python3.1 and"
    ):
        install(toy)


@pytest.mark.parametrize("line", ["numpy", "numpy>=1", "numpy @ https://nowhere.invalid/numpy.whl"])
def test_everything_is_pinned(folder, tmp_path, line):
    loose = tmp_path / "loose.txt"
    loose.write_text(f"{line}\n")
    with pytest.raises(ConfigError, match="expected name==version"):
        SuiteEnvironment("toy", loose, (RUNNING,)).packages()


def test_comments_options_and_long_lines_are_read(folder, tmp_path):
    told = tmp_path / "told.txt"
    told.write_text(
        "# all\n--no-index  # here\nfirst[extra]==1 \\\n  --hash=sha256:0\n\nsecond==2 ; x\n"
    )
    packages, options = SuiteEnvironment("toy", told, (RUNNING,)).packages()
    assert [name for name, _ in packages][2:] == ["first", "second"] and options == ["--no-index"]
    assert packages[2].line == "first[extra]==1    --hash=sha256:0"
    other = replace(SuiteEnvironment("toy", told, (RUNNING,)), pythons=("3.1",))
    assert other.fingerprint != SuiteEnvironment("toy", told, (RUNNING,)).fingerprint


def test_our_libraries_are_out_of_its_sight(monkeypatch):
    from vla_core.suites.process.surroundings import apart

    monkeypatch.setenv("PYTHONPATH", "/ours")
    monkeypatch.setenv("LD_LIBRARY_PATH", os.pathsep.join([f"{sys.prefix}/lib", "/usr/lib/cards"]))
    found = apart()
    assert "PYTHONPATH" not in found and found["LD_LIBRARY_PATH"] == "/usr/lib/cards"
