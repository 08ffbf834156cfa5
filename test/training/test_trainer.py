"""A stage that is killed and started again ends in the same weights, bit for bit."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from vla_core.training.trainer import Schedule, Trainer

SCHEDULE = Schedule(steps=30, batch=8, learning_rate=0.05)
SEED = 4


class Killed(Exception):
    """The power goes."""


class Line(nn.Module):
    """A line through noisy points, some left out, and a parameter that is not to be trained."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.line, self.dropout = nn.Linear(2, 1), nn.Dropout(0.02)
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)

    def forward(self, batch, noise):
        wobble = 0.1 * torch.randn(batch["x"].shape, generator=noise)
        predicted = self.line(self.dropout(batch["x"] + wobble))[:, 0]
        return {"loss": ((predicted - batch["y"]) ** 2).mean()}


class Points:
    """Batches that count themselves, turn checkpoints on and off, and fail when told to."""

    def __init__(self, saved_until: int = 0, killed_at: int = 0) -> None:
        self.drawn, self.saved_until, self.killed_at = 0, saved_until, killed_at

    def __call__(self, rng, batch):
        if self.drawn == self.killed_at and self.killed_at:
            raise Killed
        self.drawn += 1
        Trainer.CHECKPOINT_EVERY_S = -1.0 if self.drawn <= self.saved_until else math.inf
        x = torch.from_numpy(rng.normal(size=(batch, 2))).float()
        return {"x": x, "y": x[:, 0] - 2 * x[:, 1]}


@pytest.fixture(autouse=True)
def checkpoints(monkeypatch):
    monkeypatch.setattr(Trainer, "CHECKPOINT_EVERY_S", math.inf)
    monkeypatch.setattr(Trainer, "CHECKPOINT_SHARE", math.inf)


def train(folder: Path, points: Points, schedule: Schedule = SCHEDULE, **run) -> dict:
    trainer = Trainer(folder, "line", Line(), schedule, SEED)
    trainer.run(points, **run)
    return torch.load(trainer.final, weights_only=True)["model"]


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.fixture
def uninterrupted(tmp_path) -> dict:
    return train(tmp_path / "uninterrupted", Points())


@pytest.mark.parametrize(
    ("saved_until", "killed_at"),
    [(13, 13), (9, 21), (29, 29)],
    ids=["right after a checkpoint", "long after one", "before the last step"],
)
def test_resumed_equals_uninterrupted(tmp_path, uninterrupted, saved_until, killed_at):
    with pytest.raises(Killed):
        train(tmp_path, Points(saved_until, killed_at))
    again = Points()
    assert same(train(tmp_path, again), uninterrupted)
    assert again.drawn == SCHEDULE.steps - saved_until


def test_killed_before_the_first_checkpoint_it_begins_anew(tmp_path, uninterrupted):
    with pytest.raises(Killed):
        train(tmp_path, Points(killed_at=5))
    assert same(train(tmp_path, Points()), uninterrupted)


def test_killed_twice_it_still_ends_the_same(tmp_path, uninterrupted):
    for saved_until, killed_at in ((6, 8), (7, 9)):
        with pytest.raises(Killed):
            train(tmp_path, Points(saved_until, killed_at))
    assert same(train(tmp_path, Points()), uninterrupted)


def test_a_checkpoint_cut_in_the_writing_does_not_count(tmp_path, uninterrupted):
    with pytest.raises(Killed):
        train(tmp_path, Points(9, 21))
    shutil.copytree(tmp_path / "line/step-00000009", tmp_path / "line/step-00000015")
    (tmp_path / "line/step-00000015/.metadata").unlink()
    assert same(train(tmp_path, Points()), uninterrupted)


def test_the_time_and_the_metrics_are_those_of_all_parts(tmp_path):
    with pytest.raises(Killed):
        train(tmp_path, Points(29, 29), validate=lambda: {"error": 0.5})
    own = tmp_path / "line/step-00000029/process0.pt"
    stored = torch.load(own, weights_only=True)
    torch.save({**stored, "trained_s": 100.0}, own)
    metrics = Trainer(tmp_path, "line", Line(), SCHEDULE, SEED).run(Points())
    assert metrics["error"] == 0.5  # nothing was left to validate
    assert 100.0 <= metrics["train_s"] < 110.0


def test_another_process_does_not_go_on_with_the_first_ones_draws(tmp_path, monkeypatch):
    with pytest.raises(Killed):
        train(tmp_path, Points(9, 9))
    monkeypatch.setattr(Accelerator, "process_index", property(lambda self: 1))
    second = Trainer(tmp_path, "line", Line(), SCHEDULE, SEED)
    second._resume()
    monkeypatch.undo()
    first = Trainer(tmp_path, "line", Line(), SCHEDULE, SEED)
    first._resume()
    assert (first.step, second.step) == (9, 9)
    assert first.batch_rng.random() != second.batch_rng.random()
    assert first.noise.initial_seed() != second.noise.initial_seed()


def test_another_seed_ends_elsewhere(tmp_path, uninterrupted):
    trainer = Trainer(tmp_path, "line", Line(), SCHEDULE, SEED + 1)
    trainer.run(Points())
    assert not same(torch.load(trainer.final, weights_only=True)["model"], uninterrupted)


def test_a_finished_stage_is_loaded_not_trained_again(tmp_path):
    first = Trainer(tmp_path, "line", Line(), SCHEDULE, SEED)
    metrics = first.run(Points(), lambda: {"error": 0.5})
    again = Trainer(tmp_path, "line", Line(), SCHEDULE, SEED)
    points = Points()
    assert again.run(points, lambda: {"error": 9.9}) == metrics
    assert points.drawn == 0
    assert same(again.plain.state_dict(), first.plain.state_dict())
    assert not list((tmp_path / "line").glob("step-*"))


def test_it_learns_and_leaves_frozen_parameters_alone(tmp_path):
    weights = train(tmp_path, Points(), replace(SCHEDULE, steps=300, average=0.9))
    assert weights["line.weight"][0].tolist() == pytest.approx([1.0, -2.0], abs=0.1)
    assert weights["frozen"].tolist() == [1, 1, 1]


def test_validation_sees_the_averaged_weights_and_disturbs_nothing(tmp_path, uninterrupted):
    model = Line()
    seen = []

    def validate():
        assert not model.training and not torch.is_grad_enabled()
        seen.append(model.line.weight.detach().clone())
        return {"error": 1.0}

    trainer = Trainer(tmp_path, "line", model, SCHEDULE, SEED)
    metrics = trainer.run(Points(), validate)
    assert same(torch.load(trainer.final, weights_only=True)["model"], uninterrupted)
    assert torch.equal(seen[-1], uninterrupted["line.weight"])
    assert len(seen) == 10 and metrics["error"] == 1.0


def test_without_averaging_the_last_weights_are_kept(tmp_path):
    trainer = Trainer(tmp_path, "line", Line(), replace(SCHEDULE, average=0.0), SEED)
    last = {}

    def show(step, text):
        last.update({k: v.clone() for k, v in trainer.plain.state_dict().items()})

    trainer.run(Points(), show=show)  # shown last after the last step, before the average is loaded
    assert same(torch.load(trainer.final, weights_only=True)["model"], last)


def test_the_rate_warms_up_then_falls_as_a_cosine():
    schedule = replace(SCHEDULE, steps=100)
    assert [schedule.rate(step) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert schedule.rate(52) == pytest.approx(0.5)
    assert schedule.rate(99) < 0.001


def test_losses_and_validations_are_written_for_tensorboard(tmp_path):
    train(tmp_path, Points(), validate=lambda: {"error": 1.0})
    assert list((tmp_path / "line").glob("events.out.tfevents.*"))
