"""A suite in a process of its own: the same episodes; killed, hung and failing processes."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from installed_plugins import ROOT, path_with

from vla_core.contract.scene import SceneLostError
from vla_core.evaluation.evaluate import load_runner
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.robot.load import load_robot
from vla_core.robot.model import RobotModel
from vla_core.suites.process.scene_process import SceneProcess, SuiteProcessError
from vla_core.suites.process.suite_process import SuiteProcess
from vla_core.suites.registry import load_suite
from vla_core.types import Instruction

SEEDS, LOST_SEED, LOST_ACT = (3, 1, 5), 1, 7


@pytest.fixture
def robot(plugins, monkeypatch) -> RobotModel:
    monkeypatch.syspath_prepend(plugins)
    import pointing_suite

    return RobotModel.load(str(pointing_suite.ROBOT))


@pytest.fixture
def settings(robot, tmp_path) -> EvaluationSettings:
    """A policy that sways, looking, with the toy suite here."""
    import pointing_suite
    import remembering_policy

    names = load_robot(pointing_suite.ROBOT).joint_names
    folder = tmp_path / "swaying"
    remembering_policy.save(folder, str(pointing_suite.ROBOT), names, {"above": 32})
    return EvaluationSettings(str(folder), suite="pointing", time_limit_s=0.6, filtered=False)


@pytest.fixture
def faulty(monkeypatch):
    """Sets the fault that a process of the suite `pointing_faulty` has."""
    from pointing_suite.apart import FAULT_VARIABLE

    def set_fault(fault: str, once: object = "") -> None:
        told = {"fault": fault, "seed": LOST_SEED, "act": LOST_ACT, "once": str(once)}
        monkeypatch.setenv(FAULT_VARIABLE, json.dumps(told))

    return set_fault


def episodes(settings: EvaluationSettings, suite: str) -> list:
    runner = load_runner(replace(settings, suite=suite))
    try:
        return [runner.run(seed) for seed in SEEDS]
    finally:
        runner.close()


def test_a_scene_apart_is_the_scene_here_to_the_last_bit(robot):
    here, apart = (load_suite(name).scene(robot) for name in ("pointing", "pointing_apart"))
    assert apart.timestep_s == here.timestep_s
    rng = np.random.default_rng(0)
    for seed in SEEDS:
        assert apart.reset(seed) == here.reset(seed) == apart.instruction
        for _ in range(5):
            target = here.position + rng.uniform(-0.1, 0.1, robot.dof)
            for scene in (here, apart):
                scene.set_targets(target)
                assert np.array_equal(scene.targets, target)
                scene.step(0.05)
            assert apart.time_s == here.time_s and apart.success == here.success
            for name in ("position", "velocity", "targets"):
                assert np.array_equal(getattr(apart, name), getattr(here, name))
        assert np.array_equal(apart.render("above"), here.render("above"))
    assert np.array_equal(apart.intrinsics("above"), here.intrinsics("above"))
    assert apart.success_of(Instruction(9, "sing a song")) is False
    for scene in (here, apart):
        scene.close()


def test_a_chunk_in_one_request_is_its_actions_one_by_one(robot):
    scene = load_suite("pointing_apart").scene(robot)
    scene.reset(3)
    actions = scene.position + np.linspace(0, 0.5, 20)[:, None] * [1.0, 0.0]
    rows, done = [], []
    for action in actions:
        scene.set_targets(action)
        scene.step(0.05)
        rows.append(scene.position)
        done.append([scene.success_of(task.instruction) for task in load_suite("pointing").tasks])
    scene.reset(3)
    played = scene.play(actions, 0.05, ["above"])
    assert np.array_equal(played.position, rows) and np.array_equal(played.done, done)
    assert np.any(done) and not np.all(done)
    assert np.array_equal(played.images["above"], scene.render("above"))
    scene.close()


def test_evaluation_apart_gives_the_same_episodes(settings):
    found = episodes(settings, "pointing_apart")
    assert found == episodes(settings, "pointing")
    assert len({episode.instruction for episode in found}) == 2


@pytest.mark.parametrize("fault", ["killed", "hung"])
def test_an_episode_whose_process_is_lost_begins_anew_and_none_is_lost(
    settings, faulty, fault, tmp_path, capfd
):
    faulty(fault, once=tmp_path / "failed")
    found = episodes(settings, "pointing_faulty")
    assert [episode.restarts for episode in found] == [0, 1, 0]
    assert [replace(e, restarts=0) for e in found] == episodes(settings, "pointing")
    how = {"killed": "was ended by SIGKILL at 'play'", "hung": "did not answer 'play' in 10 s"}[
        fault
    ]
    said = capfd.readouterr().err
    assert f"episode {LOST_SEED} begins anew: suite pointing_faulty: its process {how}" in said
    assert f"it said last:\n{fault} at act {LOST_ACT}" in said


def test_a_process_that_is_lost_each_time_ends_in_an_error(settings, faulty):
    faulty("killed")
    runner = load_runner(replace(settings, suite="pointing_faulty"))
    with pytest.raises(SceneLostError, match="pointing_faulty: its process was ended by SIGKILL"):
        runner.run(LOST_SEED)
    assert runner.run(SEEDS[0]).restarts == 0  # the next one is not troubled
    runner.close()


def test_what_the_suite_raises_is_told_and_not_tried_again(settings, faulty, capfd):
    faulty("raised")
    runner = load_runner(replace(settings, suite="pointing_faulty"))
    with pytest.raises(SuiteProcessError, match="(?s)failed at 'play':.*the arm is in pieces"):
        runner.run(LOST_SEED)
    assert "begins anew" not in capfd.readouterr().err
    runner.close()


def test_a_lost_scene_has_to_be_reset(robot, faulty):
    faulty("killed")
    scene = load_suite("pointing_faulty").scene(robot)
    scene.reset(LOST_SEED)
    with pytest.raises(SceneLostError, match="was ended by SIGKILL"):
        scene.play(np.tile(scene.position, (LOST_ACT, 1)), 0.01)
    with pytest.raises(SceneLostError, match="reset the scene"):
        scene.render("above")
    scene.reset(SEEDS[0])
    assert scene.render("above").any()
    scene.close()


def test_vla_eval_sees_no_difference_but_the_restart(settings, faulty, plugins, tmp_path):
    faulty("killed", once=tmp_path / "failed")
    told = json.loads(os.environ["POINTING_FAULT"]) | {"seed": 1_000_000_001}

    def evaluated(suite: str) -> list[dict]:
        out = tmp_path / f"{suite}.json"
        command = ["eval", "--suite", suite, "--policy", settings.policy, "--episodes", "3",
                   "--workers", "1", "--time-limit-s", "1", "--json", str(out)]  # fmt: skip
        ran = subprocess.run(
            [sys.executable, "-m", "vla_core.cli", *command],
            env=os.environ | {"PYTHONPATH": path_with(plugins), "POINTING_FAULT": json.dumps(told)},
            cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return json.loads(out.read_text())["episodes"]

    apart, here = evaluated("pointing_faulty"), evaluated("pointing")
    assert [episode.pop("restarts") for episode in apart] == [0, 1, 0]
    assert [episode.pop("restarts") for episode in here] == [0, 0, 0]
    assert apart == here


def test_one_that_cannot_start_says_why(tmp_path):
    with pytest.raises(SuiteProcessError, match="No module named 'nowhere'"):
        SceneProcess(SuiteProcess("lost", "nowhere:open_scene"), {})
    with pytest.raises(
        SuiteProcessError, match=r"ended with 3 at 'open'\nit said last:\nno display"
    ):
        (tmp_path / "leaving.py").write_text(
            "import os\nprint('no display', flush=True)\nos._exit(3)"
        )
        SceneProcess(SuiteProcess("left", "leaving:open_scene", (tmp_path / "leaving.py",)), {})


def test_it_dies_with_the_process_that_started_it(plugins):
    program = (
        "import sys, pointing_suite\n"
        "from vla_core.robot.model import RobotModel\n"
        "from vla_core.suites.registry import load_suite\n"
        "robot = RobotModel.load(str(pointing_suite.ROBOT))\n"
        "scene = load_suite('pointing_apart').scene(robot)\n"
        "print(scene._process._process.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": path_with(plugins)},
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as parent:  # fmt: skip
        assert select.select([parent.stdout], [], [], 120)[0]
        child = os.pidfd_open(int(parent.stdout.readline()))
        assert not select.select([child], [], [], 0)[0]
        parent.kill()
        assert select.select([child], [], [], 30)[0]
        os.close(child)


def test_an_expert_is_asked_only_where_one_is_served(robot):
    scene = load_suite("pointing_apart").scene(robot)
    with pytest.raises(SuiteProcessError, match="OwnScene has no expert to ask"):
        scene.advise()
