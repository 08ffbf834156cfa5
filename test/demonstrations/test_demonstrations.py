"""What a suite's expert shows becomes a data set: the same for the same seeds, whole after a kill."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from installed_plugins import ROOT, path_with

from vla_core.contract.abilities import Demonstrated
from vla_core.contract.suite import tasks_of
from vla_core.demonstrations.dataset import DemonstrationSet, SceneShown
from vla_core.errors import ConfigError, VlaError
from vla_core.recordings.convert.dataset_index import episode_rows
from vla_core.recordings.lerobot.dataset import SUCCESS, LeRobotDataset
from vla_core.robot.model import RobotModel
from vla_core.suites.registry import load_suite

SUITE, SEEDS = "pointing_shown", range(12)


@pytest.fixture(scope="module")
def suite(plugins):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(plugins)
        yield load_suite(SUITE, Demonstrated)


@pytest.fixture(scope="module")
def whole(suite, tmp_path_factory) -> Path:
    """The data set of all seeds, recoveries included, made by one process in one go."""
    folder = tmp_path_factory.mktemp("whole")
    fill(suite, folder, recoveries=True)
    return folder


def fill(
    suite, folder: Path, seeds=SEEDS, workers: int = 1, tasks=(), recoveries: bool = False,
    progress: Callable[[SceneShown], None] = lambda scene: None,
) -> DemonstrationSet:  # fmt: skip
    made = DemonstrationSet(folder, SUITE, suite, suite.robot, tasks, recoveries)
    made.fill(seeds, workers, progress)
    return made


def shown(suite, seeds=SEEDS, task=None) -> dict[int, list]:
    """What the expert shows of each seed, recoveries included."""
    expert = suite.demonstrator(RobotModel.load(suite.robot))
    found = {seed: list(expert.demonstrate(seed, task)) for seed in seeds}
    expert.close()
    return found


def contents(folder: Path) -> dict[str, str]:
    """Hash of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def command(plugins: Path, *arguments: str) -> dict:
    """Of a process that runs `vla demos`."""
    return {
        "args": [sys.executable, "-m", "vla_core.cli", "demos", *arguments],
        "env": os.environ | {"PYTHONPATH": path_with(plugins)},
        "cwd": ROOT,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }


def vla_demos(plugins: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, what it said and what it complained of."""
    ran = subprocess.run(**command(plugins, *arguments), timeout=180)
    return ran.returncode, ran.stdout, " ".join(ran.stderr.split())


def test_each_demonstration_is_an_episode_and_failed_ones_are_left_out(suite, tmp_path):
    wanted = {seed: found[0] for seed, found in shown(suite).items() if found}
    assert 0 < len(wanted) < len(SEEDS)
    scenes: list[SceneShown] = []
    fill(suite, tmp_path / "set", progress=scenes.append)
    assert [scene.episodes for scene in scenes] == [int(seed in wanted) for seed in SEEDS]
    robot, dataset = RobotModel.load(suite.robot), LeRobotDataset(tmp_path / "set")
    assert (dataset.rate_hz, len(dataset.episodes)) == (10.0, len(wanted))
    for number, episode in zip(dataset.episodes, wanted.values(), strict=True):
        read = dataset.read(number, robot, {"above": dataset.cameras[0]}, 64)
        assert read.instruction == episode.instruction
        assert read.position == pytest.approx(episode.position, abs=1e-6)
        assert read.action == pytest.approx(episode.action, abs=1e-6)
        assert np.array_equal(dataset.flags(number, SUCCESS), episode.success)
        off = np.abs(read.images["above"].astype(int) - episode.images["above"])
        assert off.mean() < 4  # of 255: what the video's compression takes
    assert all(row["success"] for row in episode_rows(tmp_path / "set"))


def test_it_is_the_same_to_the_last_bit_whatever_the_number_of_processes(suite, whole, tmp_path):
    fill(suite, tmp_path / "set", workers=3, recoveries=True)
    assert contents(whole) == contents(tmp_path / "set")


def test_interrupted_anywhere_it_goes_on_to_the_same_data_set(suite, whole, tmp_path):
    scenes: list[SceneShown] = []

    def interrupt(scene: SceneShown) -> None:
        scenes.append(scene)
        if not scene.was_there and len(scenes) % 5 == 4:
            raise KeyboardInterrupt

    for _ in range(2):
        scenes.clear()
        with pytest.raises(KeyboardInterrupt):
            fill(suite, tmp_path / "parts", recoveries=True, progress=interrupt)
    scenes.clear()
    fill(suite, tmp_path / "parts", recoveries=True, progress=scenes.append)
    assert [scene.was_there for scene in scenes] == [True] * 9 + [False] * 3
    assert contents(whole) == contents(tmp_path / "parts")


def test_a_scene_of_which_a_part_was_written_gets_the_rest_of_it(suite, whole, tmp_path):
    """As after a kill between two episodes, and between the last one and the journal."""
    first = fill(suite, tmp_path / "set", range(0), recoveries=True)
    robot = RobotModel.load(suite.robot)
    for seed, episodes in shown(suite).items():
        if episodes:
            writer = first._writer(robot)
            writer.add(f"{SUITE}/{seed}/0", episodes[0].instruction, first._frames(robot, episodes[0]))
            break
    fill(suite, tmp_path / "set", recoveries=True)
    assert contents(whole) == contents(tmp_path / "set")


def test_killed_it_leaves_no_process_and_goes_on(suite, plugins, tmp_path):
    arguments = ("--suite", SUITE, "--episodes", "200", "--workers", "2", "--out")
    killed = subprocess.Popen(**command(plugins, *arguments, str(tmp_path / "set")))
    workers: list[int] = []
    try:
        wait_for(lambda: len(episode_rows(tmp_path / "set")) >= 3)
        workers = [int(child) for child in children(killed.pid)]
    finally:
        killed.kill()
        killed.communicate(timeout=10)
    last = int(episode_rows(tmp_path / "set")[-1]["source"].split("/")[1])
    tried = json.loads((tmp_path / "set/meta/demonstrations.json").read_text())["scenes"]
    assert len(workers) >= 2
    wait_for(lambda: not any(map(runs, workers)))
    seeds = range(max(last + 1, len(tried)) + 6)
    assert len(seeds) < 150
    fill(suite, tmp_path / "set", seeds)
    fill(suite, tmp_path / "whole", seeds)
    assert contents(tmp_path / "whole") == contents(tmp_path / "set")


def children(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def runs(process: int) -> bool:
    """Whether it has not ended; one that nobody has asked for its exit code has."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(done: Callable[[], bool], timeout_s: float = 90.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < end_s, "time is over"
        time.sleep(0.02)


def test_tasks_that_are_asked_for_are_given_in_turn(suite, tmp_path):
    tasks = tasks_of(SUITE, suite, ["2", "show me what is left"])
    assert [task.instruction.text for task in tasks] == ["point right", "point left"]
    made = fill(suite, tmp_path / "set", tasks=tasks)
    for row in episode_rows(tmp_path / "set"):
        _, seed, words, _ = row["source"].split("/")
        assert [words] == row["tasks"] == [tasks[int(seed) % 2].instruction.text]
    assert sum(made.counts().values()) == len(episode_rows(tmp_path / "set"))
    with pytest.raises(ConfigError, match="has no task 'wave'; it has 1 'point left'; 2 'point rig"):
        tasks_of(SUITE, suite, ["point left", "wave"])


def test_demonstrations_of_another_kind_are_not_mixed_in(suite, tmp_path):
    fill(suite, tmp_path / "set", range(2))
    with pytest.raises(VlaError, match="holds demonstrations of recoveries False, asked for is True"):
        fill(suite, tmp_path / "set", range(2), recoveries=True)
    (tmp_path / "set/meta/demonstrations.json").unlink()
    with pytest.raises(VlaError, match="holds another data set; choose another folder"):
        fill(suite, tmp_path / "set", range(2))


def test_the_command_says_what_was_shown_and_ends_with_1_where_nothing_was(suite, plugins, tmp_path):
    failed = [seed for seed, found in shown(suite).items() if not found]
    begin = ("--suite", SUITE, "--out", str(tmp_path / "set"))
    code, said, _ = vla_demos(plugins, *begin, "--episodes", str(len(SEEDS)))
    done = len(SEEDS) - len(failed)
    assert code == 0
    assert f"{done} episodes of 12 scenes, in {len(failed)} the expert failed; 0 scenes" in said
    code, said, _ = vla_demos(plugins, *begin, "--episodes", "1", "--seed", str(failed[0]))
    assert code == 1
    assert "0 episodes of 1 scenes, in 1 the expert failed; 1 scenes had been tried" in said


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--suite", "pointing"), "suite pointing: does not offer demonstrations; it offers tasks"),
        (("--suite", SUITE, "--tasks", "9"), "has no task '9'; it has 1 'point left'"),
        (("--suite", SUITE, "--episodes", "0"), "--episodes: got 0, expected at least 1"),
        (("--suite", SUITE, "--robot", "g1_inspire"), "robot g1_inspire: has no shoulder"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(plugins, tmp_path, arguments, why):
    code, _, complained = vla_demos(plugins, *arguments, "--out", str(tmp_path / "set"))
    assert code == 2 and why in complained
    assert not (tmp_path / "set").exists()
