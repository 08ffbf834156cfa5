"""The `vla` command finds its sub-commands and says clearly what it refuses."""

from __future__ import annotations

import pkgutil

import pytest

from vla_core.cli import commands
from vla_core.cli.main import EXIT_INTERRUPTED, EXIT_REFUSED, build_parser, main
from vla_core.errors import ConfigError


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
