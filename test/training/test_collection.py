"""What a run gets of a suite: which tasks, and how many of its frames are steps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_recipe import FROM_EXPERT

from vla_core.contract.abilities import Demonstrated
from vla_core.contract.episode import Episode
from vla_core.errors import ConfigError
from vla_core.suites.registry import load_suite
from vla_core.training.collection import rate_hz, take_demonstrations

SUITE = "pointing_shown"


@pytest.fixture
def suite(plugins, monkeypatch):
    monkeypatch.syspath_prepend(plugins)
    return load_suite(SUITE, Demonstrated)


def asked(suite, **changes: object):
    return replace(FROM_EXPERT, suite=SUITE, robot=suite.robot, demonstrations=8, **changes)


def told(folder) -> dict[int, str]:
    """Instruction by seed."""
    files = sorted(folder.glob("*_0.npz"))
    return {int(file.stem.split("_")[0]): Episode.load(file).instruction for file in files}


def test_the_tasks_that_are_asked_for_are_shown_in_turn(suite, tmp_path):
    take_demonstrations(asked(suite, tasks=(2, 1)), suite, tmp_path)
    shown = told(tmp_path)
    assert len(shown) > 3  # the expert fails now and then
    for seed, words in shown.items():
        assert words == ("point left" if seed % 2 else "point right")


def test_a_task_that_the_suite_has_not_is_refused(suite, tmp_path):
    with pytest.raises(ConfigError, match="has no task '7'"):
        take_demonstrations(asked(suite, tasks=(1, 7)), suite, tmp_path)


def test_a_policys_steps_are_a_whole_fraction_of_the_frames_shown(suite):
    assert rate_hz(asked(suite), suite) == suite.rate_hz
    assert rate_hz(asked(suite, rate_hz=suite.rate_hz / 2), suite) == suite.rate_hz / 2
    for wrong in (suite.rate_hz * 2, suite.rate_hz / 2.5):
        with pytest.raises(ConfigError, match="expected a whole fraction of the 10 frames"):
            rate_hz(asked(suite, rate_hz=wrong), suite)
