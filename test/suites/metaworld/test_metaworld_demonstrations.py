"""Oracles' demonstrations, and other words for tasks, with a hand that stands for MetaWorld's."""

from __future__ import annotations

from itertools import islice

import numpy as np

from vla_core.suites.metaworld.demonstrations import (
    BETWEEN,
    BURST,
    FIRST,
    LEAST_FRAMES,
    RATE_HZ,
    STRENGTH,
    bursts,
)
from vla_core.suites.metaworld.suite import MetaWorldTen
from vla_core.suites.metaworld.terms import LARGEST_M, STEP_S, STEPS

TASKS = MetaWorldTen().tasks


def test_tasks_take_turns_by_seed_and_are_told_in_their_own_words(toy):
    scene = toy()
    assert [scene.reset(seed).text for seed in range(20, 30)] == [
        task.instruction.text for task in TASKS
    ]


def test_paraphrased_scenes_tell_the_same_task_in_other_words_by_seed(toy):
    scene, usual = toy(paraphrased=True), toy()
    found = set()
    for seed in range(40):
        told, meant = scene.reset(seed), usual.reset(seed)
        task = TASKS[seed % len(TASKS)]
        assert told.text in task.paraphrases and told.id == meant.id
        assert scene.reset(seed) == told
        found.add(told.text)
    assert len(found) > 20


def test_what_is_told_in_other_words_is_done_as_well(toy):
    scene = toy(paraphrased=True)
    told = scene.reset(3)
    while not scene.success and scene.time_s < 6.0:
        scene.play(scene.advise()[None], STEP_S)
    assert scene.success and scene.success_of(told)
    assert scene.success_of(TASKS[3].instruction)
    assert not scene.success_of(TASKS[4].instruction)


def test_a_whole_task_comes_first_then_recoveries(showing):
    whole, *others = showing().demonstrate(4)
    assert whole.instruction == TASKS[4].instruction.text
    assert whole.complete and whole.success[-1] and not whole.success[0]
    assert others and all(len(part) >= LEAST_FRAMES for part in (whole, *others))
    assert others[-1].success[-1]
    assert whole.rate_hz == RATE_HZ and whole.images["front"].shape[1:] == (8, 8, 3)


def test_no_frame_holds_what_noise_commanded(showing):
    for episode in showing().demonstrate(5):
        ahead = np.abs(episode.action[:, :3] - episode.position[:, :3])
        assert (ahead <= LARGEST_M + 1e-9).all()
        steps = np.abs(np.diff(episode.action[:, :3], axis=0))
        assert (steps <= LARGEST_M / STEP_S / RATE_HZ + 1e-9).all()


def test_recoveries_begin_off_the_way(showing):
    whole, first, *_ = showing().demonstrate(6)
    off = np.linalg.norm(whole.position[:, None, :3] - first.position[None, :1, :3], axis=-1)
    assert off.min() > 0.9 * STRENGTH[0] * LARGEST_M


def test_the_same_seed_shows_the_same_whatever_was_shown_before(showing):
    one, other = showing(), showing()
    list(other.demonstrate(1))
    for a, b in zip(one.demonstrate(7), other.demonstrate(7), strict=True):
        np.testing.assert_array_equal(a.action, b.action)
        np.testing.assert_array_equal(a.images["front"], b.images["front"])


def test_a_task_that_is_asked_for_is_shown_and_nothing_where_the_oracle_fails(showing):
    shown = showing(lazy=(2,))
    (whole,) = islice(shown.demonstrate(0, TASKS[9]), 1)
    assert whole.instruction == TASKS[9].instruction.text
    assert list(shown.demonstrate(0, TASKS[2])) == []


def test_pictures_come_at_the_size_that_is_asked_for(showing):
    (whole,) = islice(showing(image_size=4).demonstrate(0), 1)
    assert whole.images["front"].shape[1:] == (4, 4, 3)


def test_bursts_are_as_strong_and_as_long_as_they_say():
    noise = bursts(np.random.default_rng(0))
    assert noise.shape == (STEPS, 3)
    strength = np.linalg.norm(noise, axis=1)
    on = strength > 0
    least, most = (share * LARGEST_M for share in STRENGTH)
    assert least <= strength[on].min() and strength.max() <= most
    edges = np.flatnonzero(np.diff(on.astype(int))) + 1
    assert edges[0] < FIRST or on[0]
    lengths = np.diff(edges)
    assert (BURST[0] <= lengths[::2]).all() and (lengths[::2] < BURST[1]).all()
    assert (BETWEEN[0] <= lengths[1::2]).all()
