"""The `vla` command finds its sub-commands and says clearly what it refuses."""

from __future__ import annotations

import argparse
import pkgutil
import sys
from collections.abc import Iterator
from typing import NoReturn

import pytest

from vla_core.cli import commands
from vla_core.cli.main import EXIT_INTERRUPTED, EXIT_REFUSED, build_parser, main
from vla_core.cli.programs.ros_programs import PROGRAMS
from vla_core.errors import ConfigError
from vla_core.evaluation.seed_argument import HIGHEST_NOISE_SEED
from vla_core.evaluation.seeds import HIGHEST_SEED, HIGHEST_SHOWN, episode_seeds
from vla_core.suites.registry import load_suite


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(commands.__path__)])
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name.replace("_", "-"), "--help"])
    assert ended.value.code == 0
    assert "usage: vla" in capsys.readouterr().out


def test_unknown_command_is_refused_naming_the_known(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["dance"])
    assert ended.value.code == EXIT_REFUSED
    assert "eval" in capsys.readouterr().err


def test_our_errors_are_one_line_without_traceback(monkeypatch, capsys):
    def refuse(args):
        raise ConfigError("robot.yaml, joints", "got 3, expected 29")

    monkeypatch.setattr("vla_core.cli.commands.eval.run", refuse)
    assert main(["eval"]) == EXIT_REFUSED
    assert capsys.readouterr().err == "vla eval: robot.yaml, joints: got 3, expected 29\n"


def test_interrupt_ends_quietly(monkeypatch, capsys):
    def interrupt(args):
        raise KeyboardInterrupt

    monkeypatch.setattr("vla_core.cli.commands.eval.run", interrupt)
    assert main(["eval"]) == EXIT_INTERRUPTED
    assert capsys.readouterr().err == ""


def test_other_errors_keep_their_traceback(monkeypatch):
    def broken(args):
        raise ZeroDivisionError

    monkeypatch.setattr("vla_core.cli.commands.eval.run", broken)
    with pytest.raises(ZeroDivisionError):
        main(["eval"])


def test_help_lists_the_commands():
    assert "eval" in build_parser().format_help()


def options(parser: argparse.ArgumentParser, name: str) -> Iterator[argparse.Action]:
    """An option of a parser and of all its sub-commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action.choices.values():
                yield from options(choice, name)
        elif name in action.option_strings:
            yield action


def test_every_seed_is_good_or_refused_before_anything_starts():
    found = list(options(build_parser(), "--seed"))
    assert len(found) >= 5
    for action in found:
        highest = int(action.help.rpartition(" to ")[2])
        many = "scenes" in action.help or "tables" in action.help
        assert highest in ((HIGHEST_SEED,) if many else (HIGHEST_SHOWN, HIGHEST_NOISE_SEED))
        assert action.type("0") == 0 and action.type(str(highest)) == highest
        for wrong in (-1, highest + 1, 2**64 - 1, -(2**63)):
            with pytest.raises(argparse.ArgumentTypeError, match=f"got {wrong}, expected 0 to"):
                action.type(str(wrong))


def test_a_seed_out_of_range_says_what_is_expected(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["eval", "--seed", "700000"])
    assert ended.value.code == EXIT_REFUSED
    assert "argument --seed: got 700000, expected 0 to 9999" in capsys.readouterr().err


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_given_its_arguments_as_they_came(name, monkeypatch):
    started = []

    def execv(path: str, command: list[str]) -> NoReturn:
        started.append(command)
        raise KeyboardInterrupt  # it never comes back

    monkeypatch.setattr("os.execv", execv)
    monkeypatch.setattr("vla_core.cli.programs.ros_programs.find_spec", lambda name: True)
    given = ["bag", "--loop"] if name == "replay" else ["--any", "thing", "a:=b", "--help"]
    assert main([*name.split(), *given]) == EXIT_INTERRUPTED
    assert started == [[sys.executable, "-m", PROGRAMS[name].module, *given]]


def test_without_ros_a_program_says_that_it_needs_it(monkeypatch, capsys):
    monkeypatch.setattr("vla_core.cli.programs.ros_programs.find_spec", lambda name: None)
    assert main(["demo"]) == EXIT_REFUSED
    assert capsys.readouterr().err == (
        "vla demo: needs ROS 2, which is not here; ./vla sets it up\n"
    )


def test_the_highest_seed_of_scenes_fits_a_nodes_parameter():
    assert max(episode_seeds(HIGHEST_SEED, 100_000)) <= HIGHEST_NOISE_SEED


def test_a_backend_that_is_not_there_is_refused_at_once_naming_those_that_are():
    found = list(options(build_parser(), "--backend"))
    assert len(found) >= 2
    for action in found:
        assert action.type("torch device=cpu") == "torch device=cpu"
        with pytest.raises(argparse.ArgumentTypeError, match="'tensorrt', there are torch, onnx"):
            action.type("tensorrt")
        with pytest.raises(argparse.ArgumentTypeError, match="'abacus', expected auto, cpu, cuda"):
            action.type("torch device=abacus")


def test_scenes_that_a_suite_has_not_are_refused_before_anything_is_written(tmp_path, capsys):
    written = tmp_path / "out"
    asked = ["bench", "async", "--patterns", "circle", "zigzag", "--json", str(written)]
    assert main(asked) == EXIT_REFUSED
    said = " ".join(capsys.readouterr().err.split())
    moving = ", ".join(load_suite("tabletop").moving)
    assert f"--patterns: got zigzag, expected some of {moving}" in said
    assert main(["bench", "corrections", "--where", "elsewhere", "--out", str(written)]) == EXIT_REFUSED
    said = " ".join(capsys.readouterr().err.split())
    assert "got scenes 'elsewhere', expected one of usual, outside" in said
    assert not written.exists()
