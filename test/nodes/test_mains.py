"""Every main of the suite starts with the `rclpy.init` of every distribution, and ends at Ctrl-C,
also where it inherits SIGINT ignored, as from a script that started it with `&`.

With the `rclpy.init` from Kilted on it is started as a person starts it; with that of before it is
a copy of a process that has all imports behind it.
"""

from __future__ import annotations

import ast
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from copied_main import DISTRIBUTION, OPENED, CopiedMain
from live import ROOT, environment, free_domain
from swaying_robot import write_bag

PACKAGE = ROOT / "vla_nodes"
#: What `rclpy.init` returns before Kilted, and from Kilted on.
BEFORE_KILTED, FROM_KILTED_ON = KINDS = ("none", "context manager")
MADE = "a node is made"
TIMEOUT_S = 120.0
#: Of programs that need some; nodes need none.
ARGUMENTS = {
    "vla_nodes.programs.faults.flood": ["/camera", "many"],
    "vla_nodes.programs.faults.instruction_goal": ["wave", "goal"],
    "vla_nodes.programs.faults.replay_beside": [
        "g1_inspire", "dial_tabletop", "beside", "replay_beside"
    ],
    "vla_nodes.programs.faults.second_commander": ["g1_inspire", "second_commander_first"],
    "vla_nodes.programs.ready": ["g1_inspire"],
    "vla_nodes.programs.replay": ["BAG", "--robot", "g1_bottle", "--policy", "dial_g1"],
}
#: Makes no node itself, but processes that do.
STARTS_ONLY = "vla_nodes.programs.up"


def modules_with_a_main() -> Iterator[str]:
    for file in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(file.read_text())
        if any(isinstance(part, ast.FunctionDef) and part.name == "main" for part in tree.body):
            yield ".".join(file.relative_to(ROOT).with_suffix("").parts)


MODULES = list(modules_with_a_main())
MAINS = [name.removesuffix(".__main__") for name in MODULES]


class Program:
    """A main in a process that inherits SIGINT ignored; its standard input is a terminal.

    Args:
        command: for Python, instead of the module `name`.
    """

    def __init__(self, name: str, kind: str, folder: Path, command: Sequence[str] = ()) -> None:
        self.log = folder / "log"
        self.log.touch()
        arguments = list(ARGUMENTS.get(name, []))
        if "BAG" in arguments:
            arguments[arguments.index("BAG")] = str(write_bag(folder / "bag", frames=range(20)))
        variables = environment(free_domain()) | {"RCLPY_INIT": kind, "TERM": "xterm"}
        variables["PYTHONPATH"] = f"{DISTRIBUTION}:{ROOT}"
        self._terminal, theirs = pty.openpty()
        terminal = Path(os.ttyname(theirs))
        error = terminal if name == "vla_nodes.programs.console" else self.log
        files = terminal, self.log, error
        if kind == BEFORE_KILTED:
            self.process = CopiedMain(name, arguments, folder, variables, files, kind, MODULES)
        else:
            command = command or ("-m", name, *arguments)
            self.process = started(command, folder, variables, files)
        os.close(theirs)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until_made(self) -> None:
        end_s = time.monotonic() + TIMEOUT_S
        while MADE not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end_s, self.said()
            time.sleep(0.02)

    def wait_until_it_catches(self, number: signal.Signals) -> None:
        end_s = time.monotonic() + TIMEOUT_S
        while not self._catches(number):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end_s, self.said()
            time.sleep(0.02)

    def _catches(self, number: signal.Signals) -> bool:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
        return bool(int(caught.split()[1], 16) >> (number - 1) & 1)

    def close(self) -> None:
        os.close(self._terminal)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def started(
    command: Sequence[str], folder: Path, variables: Mapping[str, str], files: Sequence[Path]
) -> subprocess.Popen:
    opened = [os.open(file, OPENED) for file in files]
    try:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=variables,
            stdin=opened[0],
            stdout=opened[1],
            stderr=opened[2],
            preexec_fn=_ignores_sigint,  # noqa: PLW1509
        )
    finally:
        for number in opened:
            os.close(number)


def _ignores_sigint() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MAINS)
def test_a_main_starts_with_every_init_and_ends_at_ctrl_c(name, kind, tmp_path):
    program = Program(name, kind, tmp_path)
    try:
        if name == STARTS_ONLY:
            program.wait_until_it_catches(signal.SIGINT)
        else:
            program.wait_until_made()
        program.process.send_signal(signal.SIGINT)
        assert program.process.wait(TIMEOUT_S) in (0, 130), program.said()
    finally:
        program.close()


@pytest.mark.parametrize(("name", "code"), [("action_node", 0), ("bringup", 130)])
def test_ctrl_c_while_an_executable_still_imports_ends_it_without_an_error(name, code, tmp_path):
    """Launch would say that it has died, as of one that a signal has killed."""
    command = ("-c", f"import sys; from vla_nodes.start import {name} as main; sys.exit(main())")
    program = Program(f"vla_nodes.nodes.{name}", "", tmp_path, command)
    try:
        program.wait_until_it_catches(signal.SIGTERM)  # as nothing does before our first line
        program.process.send_signal(signal.SIGINT)
        assert program.process.wait(TIMEOUT_S) == code, program.said()
    finally:
        program.close()


def test_every_executable_of_the_package_is_a_main_that_was_found():
    setup = ast.parse((ROOT / "setup.py").read_text())
    nodes = next(
        ast.literal_eval(part.value)
        for part in setup.body
        if isinstance(part, ast.Assign) and part.targets[0].id == "NODES"
    )
    assert {f"vla_nodes.nodes.{node}" for node in nodes} <= set(MAINS)


def test_ros_is_begun_in_one_place():
    """But for the console, which has a context of its own and does not use what `init` returns."""
    places = {}
    for file in PACKAGE.rglob("*.py"):
        calls = [ast.unparse(call) for call in ast.walk(ast.parse(file.read_text()))
                 if isinstance(call, ast.Call) and ast.unparse(call.func) == "rclpy.init"]  # fmt: skip
        if calls:
            places[file.name] = calls
    assert set(places) == {"ros_context.py", "live_client.py"}
    assert all("context=" in call for call in places["live_client.py"])
