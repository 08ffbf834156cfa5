"""LIBERO's tasks and terms, told without its environment; and what is refused without it."""

from __future__ import annotations

import numpy as np
import pytest
from rich.console import Console

from vla_core.chunks.executor import TimelineExecutor
from vla_core.cli.main import main
from vla_core.contract.abilities import OFFERED, Demonstrated, Exemplary
from vla_core.contract.action_conversion import ActionConverter
from vla_core.contract.specification import ActionSpec
from vla_core.contract.suite import USUAL, tasks_of, terms_of
from vla_core.errors import ConfigError
from vla_core.evaluation.episode import EpisodeResult
from vla_core.evaluation.evaluate import EvaluationError, evaluate, report
from vla_core.evaluation.motion_watch import MotionQuality
from vla_core.evaluation.seeds import episode_seeds
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.evaluation.table import print_report
from vla_core.robot.check import check_robot
from vla_core.suites.libero.libero_scene.initial_state import initial_state
from vla_core.suites.libero.suite import ACTION, HAND, MIRRORED
from vla_core.suites.libero.tasks import TASKS, told
from vla_core.suites.libero.terms import STEP_S
from vla_core.suites.process.environment import FOLDER_VARIABLE
from vla_core.suites.process.suite_process import SuiteProcess
from vla_core.suites.registry import check_live, load_suite, make_suite
from vla_core.types import ActionChunk

FOLDERS = {
    "libero_spatial": (10, 220),
    "libero_object": (10, 280),
    "libero_goal": (10, 300),
    "libero_10": (10, 520),
    "libero_90": (90, 400),
}
#: A few of the benchmark's instructions, where its rule is not plain.
INSTRUCTIONS = {
    "KITCHEN_SCENE10_close_the_top_drawer_of_the_cabinet": "close the top drawer of the cabinet",
    "STUDY_SCENE2_pick_up_the_book_and_place_it_in_the_left_compartment_of_the_caddy":
        "pick up the book and place it in the left compartment of the caddy",
    "turn_on_the_stove": "turn on the stove",
}  # fmt: skip


def result(success: bool) -> EpisodeResult:
    return EpisodeResult(0, "turn on the stove", success, 1.0, MotionQuality(0.1, 0.2, 0.3))


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Nothing is installed."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))


@pytest.mark.parametrize(("folder", "tasks", "steps"), [(k, *v) for k, v in FOLDERS.items()])
def test_each_of_the_benchmarks_suites_is_there_in_both_ways_to_act(folder, tasks, steps):
    own, joints = make_suite(folder), make_suite(f"{folder}_joints")
    for suite in (own, joints):
        assert len(suite.tasks) == tasks
        assert [task.instruction.id for task in suite.tasks] == list(range(1, tasks + 1))
        assert suite.process.environment.name == "libero", "they share an environment"
        assert terms_of(suite).time_limit_s == pytest.approx(steps * 0.05)
        assert terms_of(suite).settle_s == terms_of(suite).control_s, "success of one step counts"
        shown = [ability for ability in OFFERED if isinstance(suite, ability)]
        by_oracles = suite is own and folder == "libero_object"
        assert shown == ([Demonstrated, Exemplary] if by_oracles else [])
    assert not terms_of(own).filtered and terms_of(own).delay_s == 0.0
    assert terms_of(joints).filtered


@pytest.mark.parametrize(("name", "words"), INSTRUCTIONS.items())
def test_instructions_are_the_benchmarks(name, words):
    assert told(name) == words


def test_words_of_libero_pro_mean_one_task_each_and_libero_90_has_none():
    for folder, tasks in TASKS.items():
        others = [text for task in tasks.values() for text in task.paraphrases]
        assert len(set(others)) == len(others) == (0 if folder == "libero_90" else 10)
        assert ("paraphrase" in make_suite(folder).shifts) == bool(others)
    assert tasks_of("libero_goal", make_suite("libero_goal"), ["switch on the stove"]) == (
        TASKS["libero_goal"]["turn_on_the_stove"],
    )


@pytest.mark.parametrize("folder", FOLDERS)
def test_as_many_episodes_as_there_are_initial_states_have_each_once(folder):
    tasks, _ = FOLDERS[folder]
    for told in (tasks, *(1, 2, 5, 10)):
        seeds = episode_seeds(3, 50 * told)
        found = {(seed % told, initial_state(seed, told == tasks, tasks, 50)) for seed in seeds}
        assert len(found) == 50 * told


@pytest.mark.parametrize("name", FOLDERS)
def test_without_its_environment_it_is_refused_saying_what_makes_it(elsewhere, name):
    with pytest.raises(ConfigError, match=f"not installed: ./vla suite install {name}"):
        load_suite(name)


@pytest.mark.parametrize(
    "told",
    (
        ["eval", "--suite", "libero_10", "--policy", "hold_libero"],
        ["demos", "--suite", "libero_object", "--out", "nowhere"],
    ),
    ids=lambda told: told[0],
)
def test_every_command_refuses_it_then(elsewhere, capsys, told):
    assert main(told) == 2
    assert f"./vla suite install {told[2]}" in " ".join(capsys.readouterr().err.split())


def test_each_way_has_a_robot_of_its_own(hand, panda):
    make_suite("libero_goal").check_robot(hand.description)
    make_suite("libero_goal_joints").check_robot(panda.description)
    with pytest.raises(ConfigError, match="as libero_hand has them"):
        make_suite("libero_goal").check_robot(panda.description)
    with pytest.raises(ConfigError, match="as panda has them"):
        make_suite("libero_goal_joints").check_robot(hand.description)


def test_nothing_is_wrong_with_the_panda(panda):
    assert check_robot(panda) == []
    assert panda.description.command.rate_hz * terms_of(make_suite("libero_10_joints")).control_s == 1


def test_a_policys_seven_numbers_go_through_as_they_are(hand):
    converter = ActionConverter(hand, ActionSpec(names=ACTION), "policy")
    position = np.linspace(-0.3, 0.3, len(HAND))
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (5, 7))
    targets = converter.to_joints(actions, position)
    np.testing.assert_array_equal(targets[:, 7:], actions[:, :6])
    np.testing.assert_array_equal(targets[:, 6], actions[:, 6])
    np.testing.assert_array_equal(targets[:, :6], np.tile(position[:6], (5, 1)))
    np.testing.assert_array_equal(converter.from_joints(targets, position), actions)


@pytest.mark.parametrize("carried_out", (1, 5))
def test_of_each_chunk_as_many_actions_are_carried_out_as_are_asked_for_each_once(carried_out):
    names, step_ns = HAND, 50_000_000
    executor, rng = TimelineExecutor(names, STEP_S), np.random.default_rng(0)
    wanted, done = [], []
    for tick in range(4 * carried_out):
        now_ns = tick * step_ns
        if tick % carried_out == 0:
            targets = rng.uniform(-1.0, 1.0, (carried_out + 1, len(names)))
            chunk = ActionChunk(tick, now_ns, tick, tick, now_ns, STEP_S, names, targets)
            executor.on_chunk(chunk, now_ns)
            wanted.extend(targets[:-1])
        done.append(executor.tick(now_ns, np.zeros(len(names)), np.zeros(len(names))))
    np.testing.assert_array_equal(done, wanted)


def test_limits_and_filter_are_refused_for_actions_that_are_no_joints(monkeypatch):
    monkeypatch.setattr(SuiteProcess, "require", lambda self: None)
    with pytest.raises(EvaluationError, match="actions of its own.*unfiltered only"):
        evaluate(EvaluationSettings("hold_libero", suite="libero_10"), [0])


def test_a_graph_drives_joints_alone():
    with pytest.raises(ConfigError, match="no graph drives it; it is stepped: vla eval"):
        check_live("libero_10", make_suite("libero_10"))
    check_live("libero_10_joints", make_suite("libero_10_joints"))


def test_rows_of_papers_stand_beside_scenes_that_are_theirs(capsys):
    settings = EvaluationSettings("mine", suite="libero_10")
    summary = report(settings, 0, [result(True), result(False)])
    source = "CLaD, tables 1 and 6"
    assert {"policy": "CLaD", "success_rate": 0.947, "source": source} in summary["papers"]
    print_report(summary, Console(width=120))
    shown = capsys.readouterr().out
    assert "50%" in shown and "OpenVLA-OFT: LingBot-VA, table 2" in shown and "94.5%" in shown
    own, other = make_suite("libero_goal"), make_suite("libero_10")
    assert own.paper_rows(MIRRORED) == own.paper_rows(USUAL) != other.paper_rows(USUAL)
    assert not own.paper_rows("paraphrase")
    for name in ("libero_goal_joints", "libero_90"):
        assert not make_suite(name).paper_rows(USUAL)


def test_usual_scenes_come_first():
    for folder in FOLDERS:
        assert make_suite(folder).shifts[0] == USUAL
        assert make_suite(folder).shifts[-2:] == ("new_places", "mirrored")
