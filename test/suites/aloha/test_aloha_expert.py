"""The expert does both tasks through limits and filter, the same way for the same seed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vla_core.cli.main import main
from vla_core.contract.abilities import OFFERED, Demonstrated, Exemplary, Labelled, require
from vla_core.suites.aloha.demonstrations import LONGEST_STEPS, AlohaDemonstrator
from vla_core.suites.aloha.tasks import INSERTION, TASKS, TRANSFER
from vla_core.suites.registry import load_suite


@pytest.fixture(scope="module")
def blind(arms):
    """Shows without pictures."""
    made = AlohaDemonstrator(arms, cameras=())
    yield made
    made.close()


@pytest.mark.parametrize("task", TASKS, ids=("transfer", "insertion"))
@pytest.mark.parametrize("seed", [1, 100])
def test_the_expert_succeeds_strictly_within_the_published_time(blind, arms, task, seed):
    (episode,) = blind.demonstrate(seed, task.told)
    assert episode.instruction == task.told.instruction.text
    assert episode.success[-1] and not episode.success[0] and len(episode) <= LONGEST_STEPS
    assert blind.scene.published_success
    limits = arms.limits
    assert (episode.action >= limits.lower - 1e-9).all()
    assert (episode.action <= limits.upper + 1e-9).all()
    speed = np.abs(np.diff(episode.action, axis=0)) * episode.rate_hz
    assert (speed <= limits.velocity * (1 + 1e-6)).all()


def test_the_same_seed_gives_the_same_frames_whatever_was_shown_before(blind, arms):
    list(blind.demonstrate(6, INSERTION.told))
    (again,) = blind.demonstrate(5, TRANSFER.told)
    seeing = load_suite("aloha").demonstrator(arms, image_size=32, cameras=["left_wrist"])
    (first,) = seeing.demonstrate(5, TRANSFER.told)
    seeing.close()
    assert np.array_equal(first.action, again.action)
    assert np.array_equal(first.position, again.position)
    assert list(first.images) == ["left_wrist"]
    for frames in first.images.values():
        assert frames.shape == (len(first), 32, 32, 3)
        assert not np.array_equal(frames[0], frames[-1])


def test_nothing_is_shown_where_the_expert_fails(blind, monkeypatch):
    monkeypatch.setattr("vla_core.suites.aloha.expert.INSERTED", 0.2)  # stops before the socket
    assert list(blind.demonstrate(1, INSERTION.told)) == []


def test_it_offers_demonstrations_labelled_scenes_and_its_expert_and_nothing_more():
    suite = load_suite("aloha")
    offered = [ability for ability in OFFERED if isinstance(suite, ability)]
    assert offered == [Demonstrated, Labelled, Exemplary]
    require("aloha", suite, *offered)


def test_holding_still_does_nothing_and_both_counts_are_written(tmp_path):
    out = tmp_path / "hold.json"
    told = ["eval", "--suite", "aloha", "--policy", "hold_aloha", "--episodes", "2",
            "--workers", "1", "--time-limit-s", "0.4", "--json", str(out)]  # fmt: skip
    assert main(told) == 0
    found = json.loads(out.read_text())
    assert found["n"] == 2 and found["successes"] == 0
    assert found["published_success"]["rate"] == 0.0
