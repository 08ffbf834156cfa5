"""What each strategy makes of two overlapping chunks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vla_core.chunks.strategies.choose import STRATEGIES, fitting_strategy, make_strategy
from vla_core.chunks.strategies.ensemble import Ensemble
from vla_core.chunks.strategies.sync import Synchronous
from vla_core.chunks.timeline import ChunkTimeline
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import ObservationSpec
from vla_core.errors import ConfigError, PolicyError
from vla_core.types import NANOSECONDS, ActionChunk, Conditioning

STEP_S = 0.1
MANIFEST = PolicyManifest(
    "policy", "dial", "robot", ("joint",), ObservationSpec(()), STEP_S, 12, prefix_steps=5,
    forward_steps=7,
)  # fmt: skip


def chunk(sequence: int, seen_s: float, targets: list[float]) -> ActionChunk:
    stamp_ns = round(seen_s * NANOSECONDS)
    column = np.array(targets, float)[:, None]
    return ActionChunk(sequence, stamp_ns, sequence, 1, stamp_ns, STEP_S, ("joint",), column)


def target_at(timeline: ChunkTimeline, time_s: float) -> float:
    return timeline.sample(round(time_s * NANOSECONDS)).position[0]


def merged(strategy, *arrivals: tuple[ActionChunk, float]) -> ChunkTimeline:
    timeline = ChunkTimeline(("joint",))
    for arriving, now_s in arrivals:
        now_ns = round(now_s * NANOSECONDS)
        timeline.insert(strategy.prepare(arriving, now_ns), now_ns)
    return timeline


def test_switch_drops_what_is_past_and_naive_plays_it_late():
    late = (chunk(1, 0.0, [0, 1, 2, 3, 4, 5]), 0.2)
    assert target_at(merged(make_strategy("switch"), late), 0.3) == 3
    assert target_at(merged(make_strategy("naive"), late), 0.3) == 1


def test_sync_plays_so_many_steps_and_then_stands_where_they_end():
    timeline = merged(Synchronous(execute=2), (chunk(1, 0.0, [0, 1, 2, 3]), 0.0))
    assert target_at(timeline, 0.2) == 2
    assert timeline.sample(round(0.21 * NANOSECONDS)) is None


def test_some_are_told_the_plan_each_for_its_own_use_and_only_sync_waits():
    told = {name: make_strategy(name).conditioning for name in STRATEGIES}
    assert {name: how for name, how in told.items() if how is not None} == {
        "rtc": Conditioning.GUIDED,
        "rtc_trained": Conditioning.PREFIX,
        "fdm": Conditioning.FORWARD,
    }
    assert [name for name in STRATEGIES if make_strategy(name).waits] == ["sync"]


def test_the_plan_is_what_is_left_at_the_new_chunks_steps():
    timeline = merged(make_strategy("switch"), (chunk(1, 0.0, [0, 1, 2, 3]), 0.0))
    assert timeline.plan(round(0.1 * NANOSECONDS), STEP_S, 8)[:, 0].tolist() == [1, 2, 3]
    assert timeline.plan(round(0.15 * NANOSECONDS), STEP_S, 8)[:, 0] == pytest.approx([1.5, 2.5], abs=0.2)
    assert timeline.plan(NANOSECONDS, STEP_S, 8).shape == (0, 1)


def test_an_ensemble_is_the_mean_weighted_by_age_where_chunks_overlap():
    decay = 0.5
    old, new = chunk(1, 0.0, [0, 1, 2, 3]), chunk(2, 0.2, [10, 10, 10, 10])
    timeline = merged(Ensemble(decay), (old, 0.0), (new, 0.2))
    weight = np.exp(-decay)
    assert target_at(timeline, 0.3) == pytest.approx((3 + weight * 10) / (1 + weight))
    assert target_at(timeline, 0.4) == 10


def test_an_ensemble_of_one_opinion_is_that_opinion():
    opinion = [0, 1, 2, 3, 4, 5, 6, 7]
    chunks = [(chunk(k + 1, k * STEP_S, opinion[k:]), k * STEP_S) for k in range(4)]
    timeline = merged(Ensemble(), *chunks)
    for k in range(4, 8):
        assert target_at(timeline, k * STEP_S) == pytest.approx(k)


def test_a_forgotten_ensemble_averages_nothing():
    strategy = Ensemble()
    timeline = merged(strategy, (chunk(1, 0.0, [0, 0, 0, 0]), 0.0))
    strategy.forget()
    now_ns = round(0.1 * NANOSECONDS)
    timeline.insert(strategy.prepare(chunk(2, 0.1, [9, 9, 9, 9]), now_ns), now_ns)
    assert target_at(timeline, 0.2) == 9


@pytest.mark.parametrize(
    ("name", "executed", "limit"),
    [("switch", 3, 11), ("ensemble", 3, 11), ("rtc", 3, 6), ("rtc", 8, 4), ("rtc", 20, 0),
     ("naive", 3, None), ("sync", 3, None), ("rtc_trained", 3, 5), ("rtc_trained", 8, 4), ("fdm", 3, 7)],
)  # fmt: skip
def test_each_says_how_late_its_chunks_may_be(name, executed, limit):
    assert make_strategy(name).limit_steps(MANIFEST, executed) == limit


def test_an_unknown_strategy_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="got 'magic', expected one of switch, ensemble, rtc"):
        make_strategy("magic")


def test_a_strategy_that_the_policy_was_not_trained_for_is_refused():
    assert fitting_strategy("rtc_trained", MANIFEST).conditioning is Conditioning.PREFIX
    with pytest.raises(PolicyError) as error:
        fitting_strategy("fdm", replace(MANIFEST, forward_steps=0))
    assert "has no forward model" in str(error.value) and "strategy 'fdm'" in str(error.value)
    with pytest.raises(PolicyError) as error:
        fitting_strategy("rtc_trained", replace(MANIFEST, prefix_steps=0))
    assert str(error.value) == (
        "policy 'policy': has not been trained to continue a committed prefix (training stage "
        "`prefix`), which strategy 'rtc_trained' needs; train it so, or choose another strategy"
    )
