"""A suite of another package, with its own robot: evaluated with any policy that fits the robot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import yaml
from installed_plugins import ROOT, path_with

from vla_core.chunks.executor import TimelineExecutor
from vla_core.contract.joint import as_dual
from vla_core.contract.joint_targets import in_joint_targets
from vla_core.contract.kind import RecipeArguments
from vla_core.contract.specification import ActionSpec
from vla_core.errors import ConfigError
from vla_core.evaluation.episode import EpisodeRunner
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.paths import training_file
from vla_core.policies.registry import load_joint, open_recipe
from vla_core.robot.load import load_robot
from vla_core.robot.model import RobotModel
from vla_core.suites.registry import load_suite


class Keeping(TimelineExecutor):
    """Keeps the chunks that arrive."""

    def on_chunk(self, chunk, now_ns):
        super().on_chunk(chunk, now_ns)
        self.chunks = [*getattr(self, "chunks", []), chunk]


@pytest.fixture
def chunks_of(plugins, tmp_path, monkeypatch):
    """Runs an episode of the pointer; the chunks that the policy was executed by."""
    monkeypatch.syspath_prepend(plugins)
    import pointing_suite
    import remembering_policy

    robot = RobotModel.load(pointing_suite.ROBOT)

    def run(action, text: str = "") -> list:
        folder = remembering_policy.save(
            tmp_path / "swaying", str(pointing_suite.ROBOT), robot.joint_names, {"above": 32},
            action=action,
        )  # fmt: skip
        system2, system1, _ = as_dual(load_joint(folder))
        scene = pointing_suite.PointingSuite().scene(robot)
        if text:
            reset = scene.reset
            scene.reset = lambda seed, task: replace(reset(seed, task), text=text)
        executor = Keeping(robot.joint_names, 0.01)
        settings = EvaluationSettings(str(folder), time_limit_s=2.0, settle_s=9.0)
        system1 = in_joint_targets(system1, robot)
        EpisodeRunner(scene, system1, system2, settings, (), lambda seed: executor).run(0)
        scene.close()
        return getattr(executor, "chunks", [])

    return run


def test_the_same_motion_told_in_hands_is_the_same_in_joints(chunks_of):
    import remembering_policy

    in_joints, in_hands = chunks_of(ActionSpec()), chunks_of(remembering_policy.IN_HANDS)
    assert len(in_joints) == len(in_hands) > 4
    for one, other in zip(in_joints, in_hands, strict=True):
        np.testing.assert_allclose(other.targets, one.targets, atol=1e-4)


def test_what_is_no_pose_makes_no_chunk_and_the_episode_goes_on(chunks_of):
    import remembering_policy

    assert chunks_of(remembering_policy.IN_HANDS, remembering_policy.NOWHERE) == []


@pytest.mark.parametrize("told", ["joints", "hands"])
def test_evaluation_runs_it_and_what_it_does_not_offer_is_refused(told, plugins, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(plugins)
    import pointing_suite
    import remembering_policy

    robot = load_robot(pointing_suite.ROBOT)
    folder = remembering_policy.save(
        tmp_path / "swaying", str(pointing_suite.ROBOT), robot.joint_names, {"above": 32},
        action=remembering_policy.IN_HANDS if told == "hands" else ActionSpec(),
    )  # fmt: skip

    def vla(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "vla_core.cli", *arguments],
            env=os.environ | {"PYTHONPATH": path_with(plugins)},
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    out = tmp_path / "eval.json"
    ran = vla("eval", "--suite", "pointing", "--policy", str(folder), "--episodes", "2",
              "--workers", "1", "--time-limit-s", "3", "--json", str(out))  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = json.loads(out.read_text())
    assert found["settings"]["suite"] == "pointing" and found["n"] == 2
    assert {episode["instruction"] for episode in found["episodes"]} <= {"point left", "point right"}
    refused = vla("bench", "async", "--suite", "pointing", "--policy", str(folder))
    assert refused.returncode != 0
    assert "does not offer moving scenes; it offers tasks" in " ".join(refused.stderr.split())


def test_training_asks_it_for_what_the_configuration_uses_and_nothing_else(
    plugins, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(plugins)
    import pointing_suite

    def opened(suite: str, scenes: int, corrections: int):
        told = yaml.safe_load(training_file("dial_tabletop").read_text())
        told |= {"suite": suite, "robot": str(pointing_suite.ROBOT), "cameras": ["above"],
                 "scenes": scenes, "corrections": corrections}  # fmt: skip
        path = tmp_path / "pointing.yaml"
        path.write_text(yaml.safe_dump(told))
        return open_recipe(path, RecipeArguments(tmp_path / "work", None, None, load_suite))

    assert opened("pointing_shown", 0, 0).rate_hz == 10.0
    for suite, scenes, corrections, lacking in (
        ("pointing_shown", 5, 0, "labelled scenes; it offers tasks, demonstrations"),
        ("pointing_shown", 0, 5, "corrections; it offers tasks, demonstrations"),
        ("pointing", 0, 0, "demonstrations; it offers tasks"),
    ):
        with pytest.raises(ConfigError, match=f"suite {suite}: does not offer {lacking}"):
            opened(suite, scenes, corrections)
