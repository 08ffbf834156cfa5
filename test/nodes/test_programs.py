"""Programs of `vla` parse their own arguments, and refuse before anything starts."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from importlib import import_module

import pytest
from installed_plugins import ROOT, path_with

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from vla_core.cli.programs.ros_programs import PROGRAMS
from vla_core.errors import ConfigError
from vla_core.evaluation.seeds import HIGHEST_SEED
from vla_nodes.graph.description import Graph
from vla_nodes.programs.up import given

SEEDED = ("demo", "faults", "handover")


def main_of(module: str):
    package = import_module(module)
    if hasattr(package, "__path__"):
        package = import_module(f"{module}.__main__")
    return package.main


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main_of(PROGRAMS[name].module)(["--help"])
    assert ended.value.code == 0
    assert f"usage: vla {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", SEEDED)
def test_every_seed_is_good_or_refused_before_anything_starts(name, capsys):
    main = main_of(f"vla_nodes.programs.{name}")
    for wrong in (-1, HIGHEST_SEED + 1, 2**64 - 1):
        with pytest.raises(SystemExit) as ended:
            main([f"--seed={wrong}"])
        assert ended.value.code == 2
        assert f"got {wrong}, expected 0 to {HIGHEST_SEED}" in capsys.readouterr().err
    parser = argparse.ArgumentParser()
    import_module(f"vla_nodes.programs.{name}.__main__").add_arguments(parser)
    assert parser.parse_args([f"--seed={HIGHEST_SEED}"]).seed == HIGHEST_SEED


def test_the_graph_is_told_its_arguments_as_options_or_as_in_launch(tmp_path):
    graph = Graph.load()
    values, logs = given(graph, ["source:=sim", "--seed", "3", "--logs", str(tmp_path)])
    assert (values["source"], values["seed"], logs) == ("sim", "3", tmp_path)
    with pytest.raises(ConfigError, match="argument 'sim': expected NAME:=VALUE"):
        given(graph, ["sim"])


@pytest.mark.parametrize("name", [*SEEDED, "record"])
def test_an_unknown_suite_is_refused_where_it_is_parsed_naming_the_known(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main_of(f"vla_nodes.programs.{name}")(["--suite", "chairs"])
    assert ended.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "argument --suite: invalid choice: 'chairs'" in said and "tabletop" in said


@pytest.mark.parametrize("name", [*SEEDED, "record"])
def test_a_suite_that_cannot_have_the_robot_is_refused_by_name_before_a_graph_is_up(
    name, plugins, tmp_path
):
    ran = subprocess.run(
        [sys.executable, "-m", f"vla_nodes.programs.{name}", "--suite", "pointing",
         "--out", str(tmp_path / "out")],
        env=os.environ | {"PYTHONPATH": path_with(plugins)},
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert "robot g1_inspire: has no shoulder to point with" in " ".join(ran.stderr.split())
    assert not (tmp_path / "out").exists()
