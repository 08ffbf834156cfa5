"""A joint policy of another package, with memory: evaluated and replayed like any of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from installed_plugins import ROOT, path_with
from one_joint import LEFT, RIGHT, OneJointScene
from swaying_robot import INSTRUCTION, ROBOT, write_bag

from vla_core.contract.joint import as_dual
from vla_core.contract.protocol import JointPolicy
from vla_core.evaluation.episode import EpisodeRunner
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.observation.history import NEAR_S
from vla_core.policies.registry import load_joint, load_policy
from vla_core.recordings.sources.open_recording import open_recording
from vla_core.replay.event_log.event_recorder import EventRecorder
from vla_core.replay.offline.replay import OfflineReplay
from vla_core.replay.offline.settings import OfflineSettings
from vla_core.report.replay_notes import ReplayNotes
from vla_core.robot.load import load_robot
from vla_core.types import LatentIntent


def saved(plugins: Path, folder: Path, robot: str, cameras: dict[str, int], monkeypatch) -> Path:
    """A policy's folder, for a robot."""
    monkeypatch.syspath_prepend(plugins)
    import remembering_policy

    described = load_robot(robot)
    return remembering_policy.save(folder, described.name, described.joint_names, cameras)


def vla(plugins: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run a command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "vla_core.cli", *arguments],
        env=os.environ | {"PYTHONPATH": path_with(plugins)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_nothing_of_ours_names_it():
    ours = [p for folder in ("vla_core", "vla_nodes", "config", "launch", "setup.py", "vla")
            for p in ([ROOT / folder] if (ROOT / folder).is_file() else (ROOT / folder).rglob("*"))
            if p.suffix in (".py", ".yaml", "")]  # fmt: skip
    assert len(ours) > 300
    named = [p for p in ours if p.is_file() and b"remembering" in p.read_bytes()]
    assert named == []


def test_evaluation_runs_it(plugins, tmp_path, monkeypatch):
    folder = saved(plugins, tmp_path / "swaying", "g1_inspire", {"head": 32}, monkeypatch)
    out = tmp_path / "eval.json"
    ran = vla(plugins, "eval", "--policy", str(folder), "--episodes", "1", "--seed", "5",
              "--workers", "1", "--json", str(out))  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    (episode,) = json.loads(out.read_text())["episodes"]
    assert episode["success"] is False and episode["motion"]["idle"] < 0.5


@pytest.mark.parametrize("intent", ["zero", "shuffled"])
def test_an_intent_of_another_moment_cannot_be_given_to_it(plugins, tmp_path, monkeypatch, intent):
    folder = saved(plugins, tmp_path / "swaying", "g1_inspire", {"head": 32}, monkeypatch)
    ran = vla(plugins, "eval", "--policy", str(folder), "--episodes", "1", "--intent", intent)
    assert ran.returncode != 0
    assert "takes none from outside, it forms its own with each chunk" in " ".join(ran.stderr.split())


def full_size(frame: int) -> bytes:
    """As the robot's camera sends them; each differs."""
    picture = np.random.default_rng(frame).integers(0, 255, (48, 64, 3), np.uint8)
    return cv2.imencode(".jpg", cv2.resize(picture, (640, 480)))[1].tobytes()


def test_a_replay_runs_it_and_gives_the_same_twice(plugins, tmp_path, monkeypatch):
    bag, results = write_bag(tmp_path / "bag", picture_of=full_size), []
    folder = saved(plugins, tmp_path / "swaying", "g1_bottle", {"head": 32}, monkeypatch)
    for name in ("first", "again"):
        ran = vla(plugins, "replay", str(bag), "--offline", "--robot", "g1_bottle", "--policy",
                  str(folder), "--instruction", INSTRUCTION, "--out", str(tmp_path / name))  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        results.append(json.loads((tmp_path / name / "offline.json").read_text()))
    first, again = results
    assert first["digest"] == again["digest"]
    assert first["chunks"] > 3 and first["intents"] - first["chunks"] in (0, 1)
    page = (tmp_path / "first" / "report.html").read_text()
    assert "picture foreseen" in page and "remembers, sways" in page
    assert "Numbers of the intent" in page and "principal components" not in page


def test_a_replay_shows_its_intents_as_the_plug_in_says(plugins, tmp_path, monkeypatch):
    folder = saved(plugins, tmp_path / "swaying", "g1_bottle", {"head": 32}, monkeypatch)
    recording = open_recording(write_bag(tmp_path / "bag"), ROBOT, ["head"])
    notes = ReplayNotes()
    recorder = EventRecorder(ROBOT, ["head"], recording.has_commands, [notes])
    settings = OfflineSettings(INSTRUCTION)
    result = OfflineReplay(ROBOT, load_policy(folder), settings).run(
        recording, listeners=[recorder]
    )
    steps = notes.steps.items
    assert len(steps) == result["intents"] and not result["foresight_intents"]
    assert {tuple(step.pictures["head"]) for step in steps[:-1]} == {
        ("seen", "predicted_picture", "true_picture")
    }
    assert {step.words for step in steps} == {("new", "sways"), ("remembers", "sways")}
    shown = [value for _, value in notes.series["intent/steps"].items]
    assert shown == list(range(1, len(steps) + 1))


class Kept:
    """A policy, and the intents that it forms."""

    def __init__(self, policy: JointPolicy) -> None:
        self.policy, self.manifest, self.reset = policy, policy.manifest, policy.reset
        self.intents: list[LatentIntent] = []

    def step(self, context, instruction, rng, plan=None):
        intent, chunk = self.policy.step(context, instruction, rng, plan)
        self.intents.append(intent)
        return intent, chunk


def test_it_remembers_until_it_is_reset_and_is_shown_the_past(plugins, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(plugins)
    import remembering_policy

    folder = remembering_policy.save(tmp_path / "p", "one_joint", ("slider",), {"head": 8})
    settings = EvaluationSettings(str(folder), time_limit_s=2.0)
    kept = Kept(load_joint(folder))
    system2, system1, _ = as_dual(kept)
    runner = EpisodeRunner(OneJointScene(), system1, system2, settings, (LEFT, RIGHT))
    for _ in range(2):
        kept.intents.clear()
        runner.run(seed=0)
        steps = [int(intent.tensors["steps"][0]) for intent in kept.intents]
        assert steps == list(range(1, len(steps) + 1)) and len(steps) > 4
        first, last = (kept.intents[place].tensors for place in (0, -1))
        assert not first["known"].any() and not first["executed"].any()
        assert last["known"].all() and last["executed"].all()
        assert np.abs(last["ages_s"] - remembering_policy.HISTORY_S).max() <= NEAR_S
