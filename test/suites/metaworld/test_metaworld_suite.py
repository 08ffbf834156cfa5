"""MetaWorld's tasks and terms, told without its environment; and what is refused without it."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.cli.main import main
from vla_core.contract.abilities import OFFERED, Demonstrated, Exemplary
from vla_core.contract.action_conversion import ActionConverter
from vla_core.contract.specification import ActionSpace, ActionSpec
from vla_core.contract.suite import USUAL, EpisodeTerms, tasks_of, terms_of
from vla_core.errors import ConfigError, PolicyError
from vla_core.evaluation.evaluate import EvaluationError, evaluate
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.paths import training_file
from vla_core.policies.blocks.words import encode_words, vocabulary_of
from vla_core.policies.chunk.config import ChunkConfig
from vla_core.robot.load import load_robot
from vla_core.suites.metaworld.tasks import MT10, MT50, TASKS
from vla_core.suites.process.environment import FOLDER_VARIABLE
from vla_core.suites.process.suite_process import SuiteProcess
from vla_core.suites.registry import check_live, load_suite, make_suite

SUITES = {"metaworld": 10, "metaworld_mt50": 50}


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Nothing is installed."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))


def test_fifty_tasks_are_told_in_words_that_mean_one_task_alone():
    texts = [text for task in TASKS.values() for text in task.texts]
    assert len(MT50) == 50 and len(set(texts)) == len(texts) == 200
    assert set(MT10) < set(MT50) and len(MT10) == 10
    assert [task.instruction.id for task in TASKS.values()] == list(range(1, 51))


@pytest.mark.parametrize(("name", "tasks"), SUITES.items())
def test_both_task_sets_are_suites_that_show_their_tasks(name, tasks):
    suite = make_suite(name)
    assert len(suite.tasks) == tasks
    assert suite.shifts == (USUAL, "paraphrase", "fixed_places")
    offered = [ability for ability in OFFERED if isinstance(suite, ability)]
    assert offered == [Demonstrated, Exemplary]
    assert suite.process.environment.name == "metaworld", "they share an environment"


def test_tasks_are_asked_for_in_words_or_by_number():
    suite = make_suite("metaworld")
    number = str(TASKS["door-open-v3"].instruction.id)
    assert tasks_of("metaworld", suite, ["pull the door open", number]) == (
        TASKS["door-open-v3"],
    )
    with pytest.raises(ConfigError, match="has no task 'dunk the ball'"):
        tasks_of("metaworld", suite, ["dunk the ball"])


@pytest.mark.parametrize("name", SUITES)
def test_without_its_environment_it_is_refused_saying_what_makes_it(elsewhere, name):
    with pytest.raises(ConfigError, match="not installed: ./vla suite install metaworld"):
        load_suite(name)


@pytest.mark.parametrize(
    "told",
    (
        ["eval", "--suite", "metaworld", "--policy", "hold_metaworld"],
        ["demos", "--suite", "metaworld", "--out", "nowhere"],
        ["train", "chunk_metaworld"],
    ),
    ids=lambda told: told[0],
)
def test_every_command_refuses_it_then(elsewhere, capsys, told):
    assert main(told) == 2
    assert "./vla suite install metaworld" in " ".join(capsys.readouterr().err.split())


def test_its_robot_is_four_numbers_and_no_arm(hand):
    assert hand.joint_names == ("hand_x", "hand_y", "hand_z", "gripper")
    np.testing.assert_array_equal(hand.state_vector(hand.ready_pose), hand.ready_pose)
    assert hand.state_size == 4
    with pytest.raises(PolicyError, match="robot 'metaworld_hand' has no end effectors"):
        ActionConverter(hand, ActionSpec(ActionSpace.END_EFFECTOR), "a policy")
    np.testing.assert_array_equal(hand.limits.upper[3:], [1.0])
    suite = make_suite("metaworld")
    suite.check_robot(hand.description)
    with pytest.raises(ConfigError, match="needs hand_x, hand_y, hand_z, gripper, as metaworld_h"):
        suite.check_robot(load_robot("g1_inspire"))


def test_it_is_run_as_it_is_published_and_others_as_usual():
    terms = terms_of(make_suite("metaworld"))
    assert terms.time_limit_s / terms.control_s == 500
    assert terms.settle_s == terms.control_s, "success of one step counts"
    assert not terms.filtered and terms.delay_s == 0.0
    assert terms_of(make_suite("tabletop")) == EpisodeTerms()


def test_limits_and_filter_are_refused_for_actions_that_are_no_joints(monkeypatch):
    monkeypatch.setattr(SuiteProcess, "require", lambda self: None)
    with pytest.raises(EvaluationError, match="actions of its own.*unfiltered only"):
        evaluate(EvaluationSettings("hold_metaworld", suite="metaworld"), [0])


def test_no_graph_drives_it():
    with pytest.raises(ConfigError, match="no graph drives it; it is stepped: vla eval"):
        check_live("metaworld", make_suite("metaworld"))
    check_live("tabletop", make_suite("tabletop"))


@pytest.mark.parametrize("name", ("chunk_metaworld", "blind_metaworld"))
def test_training_needs_demonstrations_alone_and_its_words_fit(name):
    config = ChunkConfig.load(training_file(name))
    suite = make_suite(config.suite)
    assert config.abilities == (Demonstrated,)
    assert config.robot == suite.robot and set(config.cameras) <= set(suite.cameras)
    texts = [text for task in suite.tasks for text in task.texts]
    for text in texts:
        encode_words(text, vocabulary_of(texts), config.model["max_words"])


def test_all_tasks_are_among_the_held_out_scenes():
    config = ChunkConfig.load(training_file("chunk_metaworld"))
    kept = range(config.demonstrations)[:: round(1 / config.held_out)]
    assert {seed % 10 for seed in kept} == set(range(10))
